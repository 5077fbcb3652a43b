// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A file that is handed to the kernel: Linux's initrd, or a Multiboot or PVH module.
 *
 * @param file the file; closed with the request it is part of
 * @param commandLine what a module is told; empty for an initrd
 */
public record BootModule(BootFile file, String commandLine) {
    /** Neither may be null. */
    public BootModule {
        Objects.requireNonNull(file, "file");
        Objects.requireNonNull(commandLine, "commandLine");
    }

    /** An initrd. */
    public static BootModule initrd(Path path) {
        return new BootModule(BootFile.open("initrd", path), "");
    }

    /**
     * Multiboot modules as QEMU's -initrd names them: "FILE ARGUMENTS,FILE ARGUMENTS", where ",," stands for a comma.
     * A module's command line is all of its part, the file's name included.
     */
    static List<BootModule> openAll(String option) {
        List<BootModule> modules = new ArrayList<>();
        try {
            for (String part : split(option)) {
                int space = part.indexOf(' ');
                String name = space < 0 ? part : part.substring(0, space);
                modules.add(new BootModule(BootFile.open("module", Path.of(name)), part));
            }
        } catch (BootException e) {
            for (BootModule module : modules) {
                module.file.close();
            }
            throw e;
        }
        return modules;
    }

    private static List<String> split(String option) {
        List<String> parts = new ArrayList<>();
        StringBuilder part = new StringBuilder();
        for (int i = 0; i < option.length(); i++) {
            if (option.charAt(i) != ',') {
                part.append(option.charAt(i));
            } else if (i + 1 < option.length() && option.charAt(i + 1) == ',') {
                part.append(option.charAt(i++));
            } else {
                parts.add(part.toString());
                part.setLength(0);
            }
        }
        parts.add(part.toString());
        return parts;
    }
}
