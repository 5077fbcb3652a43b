// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.KernelSource;
import dev.miraflores.machine.MachineConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Files that a machine is made of, by what they are to it: what the guest says on a console is not to be written over them. */
final class FilesInUse {

    private final Map<Path, String> files = new LinkedHashMap<>();

    private FilesInUse() {
    }

    static FilesInUse of(MachineConfig machine) {
        FilesInUse used = new FilesInUse();
        if (machine.kernel() instanceof KernelSource.InFile(Path path)) {
            used.files.put(path, "the kernel");
        }
        used.add(machine.initrd(), "the initrd");
        for (DriveConfig drive : machine.drives()) {
            used.add(drive.file(), "a drive's image");
            for (BackingFile backing : drive.backing()) {
                used.add(backing.path(), "a drive's backing file");
            }
        }
        return used;
    }

    private void add(String path, String what) {
        try {
            if (path != null) {
                files.put(Path.of(path), what);
            }
        } catch (InvalidPathException e) {
            // Whoever opens it says so.
        }
    }

    /**
     * Takes a file to write to.
     *
     * @throws ConfigException where it is one of these, or was taken before; devices and pipes may be
     */
    void claim(String option, Path path) {
        for (Map.Entry<Path, String> each : files.entrySet()) {
            if (isSame(each.getKey(), path)) {
                throw new ConfigException(option + path + ": the file is " + each.getValue() + ", which would be overwritten; name another");
            }
        }
        if (!Files.exists(path) || Files.isRegularFile(path)) {
            files.put(path, "where " + option + path + " writes");
        }
    }

    private static boolean isSame(Path one, Path other) {
        try {
            return Files.exists(one) && Files.exists(other) ? Files.isSameFile(one, other)
                    : one.toAbsolutePath().normalize().equals(other.toAbsolutePath().normalize());
        } catch (IOException e) {
            return false;
        }
    }
}
