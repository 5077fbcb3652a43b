// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.memory.GuestMemory;

/**
 * Loads a kernel into guest memory.
 * <pre>
 *   try (BootRequest request = BootRequest.open(kernel, initrd, "console=ttyS0 root=/dev/vda", tables.gpa())) {
 *       LoadedKernel loaded = BootLoader.load(memory, request);
 *       …                                                       // put loaded.state() into vCPU 0
 *   } </pre>
 */
public final class BootLoader {
    private BootLoader() {
    }

    /** Loads into memory that is laid out as {@link MemoryMap} draws it. */
    public static LoadedKernel load(GuestMemory memory, BootRequest request) {
        return load(memory, MemoryMap.of(memory), request);
    }

    /**
     * Loads the kernel, its modules and its command line, and what the boot protocol has beside them.
     *
     * @param memory the guest's, new: all zero; RAM from address 0 on
     * @param map what the guest is told about it
     * @throws BootException when that cannot be; memory is then as far written as it got
     */
    public static LoadedKernel load(GuestMemory memory, MemoryMap map, BootRequest request) {
        KernelKind kind = request.kind() == null ? KernelKind.detect(request.kernel()) : request.kind();
        Loading loading = new Loading(memory, map, request);
        return switch (kind) {
            case BZIMAGE -> BzImage.load(loading);
            case VMLINUX -> LinuxElf.load(loading);
            case PVH -> Pvh.load(loading);
            case MULTIBOOT -> Multiboot.load(loading);
        };
    }
}
