// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * What to boot. Owns its files: closing it closes them.
 *
 * @param kernel the kernel's file
 * @param kind how to boot it, or null to find out by its content
 * @param modules an initrd, or modules; may be empty
 * @param commandLine the kernel's command line; may be empty
 * @param rsdpGpa where the ACPI tables begin, 0 without any
 */
public record BootRequest(
        BootFile kernel, KernelKind kind, List<BootModule> modules, String commandLine, long rsdpGpa)
        implements AutoCloseable {

    /** Copies the list. */
    public BootRequest {
        Objects.requireNonNull(kernel, "kernel");
        Objects.requireNonNull(commandLine, "commandLine");
        modules = List.copyOf(modules);
    }

    /**
     * Opens the files that a command line names.
     *
     * @param initrd an initrd's file; for a Multiboot kernel modules as QEMU writes them, "FILE ARGS,FILE ARGS"; or null
     * @throws BootException when one of them cannot be opened, or the kernel is none
     */
    public static BootRequest open(Path kernel, String initrd, String commandLine, long rsdpGpa) {
        return of(BootFile.open("kernel", kernel), initrd, commandLine, rsdpGpa);
    }

    /**
     * As {@link #open}, with a kernel that is open already.
     *
     * @param kernel closed with the request, or at once where this throws
     */
    public static BootRequest of(BootFile kernel, String initrd, String commandLine, long rsdpGpa) {
        try {
            KernelKind kind = KernelKind.detect(kernel);
            List<BootModule> modules = initrd == null ? List.of()
                    : kind == KernelKind.MULTIBOOT ? BootModule.openAll(initrd)
                    : List.of(BootModule.initrd(Path.of(initrd)));
            return new BootRequest(kernel, kind, modules, commandLine, rsdpGpa);
        } catch (BootException e) {
            kernel.close();
            throw e;
        }
    }

    @Override
    public void close() {
        kernel.close();
        for (BootModule module : modules) {
            module.file().close();
        }
    }
}
