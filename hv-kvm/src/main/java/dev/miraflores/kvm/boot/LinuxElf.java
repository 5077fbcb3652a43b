// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

/**
 * A 64-bit ELF kernel entered in long mode with boot_params in rsi, as a bzImage enters the vmlinux inside it
 * (startup_64). Saves the time to unpack.
 */
final class LinuxElf {
    private LinuxElf() {
    }

    static LoadedKernel load(Loading loading) {
        BootFile file = loading.kernel;
        ElfFile elf = ElfFile.parse(file, file.read(0, ElfFile.IDENT_BYTES));
        if (!elf.is64()) {
            throw new BootException(file.label() + " is a 32-bit ELF file, which has no 64-bit entry point:"
                    + " give an x86-64 vmlinux");
        }
        long entryGpa = elf.physicalEntry();
        ZeroPage zeroPage = new ZeroPage();
        zeroPage.defaultHeader();
        zeroPage.storeSurroundings(loading, Loading.LINUX_COMMAND_LINE_BYTES);
        ElfFile.Extent extent = elf.load(loading);
        long initrdGpa = loading.loadInitrd(1L << 32, false);
        BootState state = zeroPage.store(loading, entryGpa, initrdGpa);
        return new LoadedKernel(KernelKind.VMLINUX, state, extent.gpa(), extent.byteSize(), initrdGpa,
                loading.initrdBytes());
    }
}
