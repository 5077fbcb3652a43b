// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

/**
 * How a kernel is booted. {@link #detect} tells by the file's content, never by its name; the first that fits is taken:
 * <ol>
 *   <li>the Linux setup header's two magic numbers: {@link #BZIMAGE};
 *   <li>64-bit ELF with a note that says it is Linux: {@link #VMLINUX}, though it may have a PVH entry too, because the
 *       64-bit entry works with each version, and a PVH entry before 5.0 with Xen only;
 *   <li>64-bit ELF with a PVH entry point: {@link #PVH};
 *   <li>a Multiboot header: {@link #MULTIBOOT}; thus in 32-bit ELF, as in QEMU, before a PVH entry point;
 *   <li>32-bit ELF with a PVH entry point: {@link #PVH};
 *   <li>other 64-bit ELF: {@link #VMLINUX}.
 * </ol>
 */
public enum KernelKind {
    /** Linux, packed as distributions ship it; by the 64-bit entry. */
    BZIMAGE,
    /** 64-bit ELF, entered as Linux is. */
    VMLINUX,
    /** ELF with a PVH entry point. */
    PVH,
    /** Multiboot 1: 32-bit ELF, or a file of any kind whose header says where to load it. */
    MULTIBOOT;

    /**
     * What this file is.
     *
     * @throws BootException when it is no kernel
     */
    public static KernelKind detect(BootFile file) {
        Fields start = file.read(0, (int) Math.min(Multiboot.SEARCH_BYTES, file.byteSize()));
        if (BzImage.isBzImage(start)) {
            return BZIMAGE;
        }
        int multiboot = Multiboot.findHeader(start);
        if (!ElfFile.isElf(start)) {
            if (multiboot >= 0 && Multiboot.hasAddresses(start, multiboot)) {
                return MULTIBOOT;
            }
            throw noKernel(file, start);
        }
        ElfFile elf = ElfFile.parse(file, start);
        if (elf.is64() && elf.isLinux()) {
            return VMLINUX;
        }
        if (multiboot >= 0 && !(elf.is64() && elf.hasPvhEntry())) {
            return MULTIBOOT;
        }
        if (elf.hasPvhEntry()) {
            return PVH;
        }
        if (elf.isProgram()) {
            throw elf.isNoKernel();
        }
        if (elf.is64()) {
            return VMLINUX;
        }
        throw new BootException(file.label() + " is 32-bit ELF with neither a Multiboot header nor a PVH entry point:"
                + " give an x86-64 kernel");
    }

    private static BootException noKernel(BootFile file, Fields start) {
        String known = "";
        if (begins(start, 0x1F, 0x8B) || begins(start, 0xFD, '7', 'z', 'X', 'Z') || begins(start, 0x28, 0xB5, 0x2F, 0xFD)
                || begins(start, 'B', 'Z', 'h') || begins(start, 0x02, 0x21, 0x4C, 0x18)) {
            known = " (it is compressed: unpack it first)";
        } else if (begins(start, 'M', 'Z')) {
            known = " (it is an EFI program)";
        }
        return new BootException(file.label() + " is not a kernel" + known
                + ": give an x86-64 bzImage, an ELF vmlinux, or a PVH or Multiboot kernel");
    }

    private static boolean begins(Fields start, int... bytes) {
        if (start.byteSize() < bytes.length) {
            return false;
        }
        for (int i = 0; i < bytes.length; i++) {
            if (start.get8(i) != bytes[i]) {
                return false;
            }
        }
        return true;
    }
}
