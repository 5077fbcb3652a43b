// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.bindings.boot.boot_abi;
import dev.miraflores.bindings.boot.boot_abi.boot_params;
import dev.miraflores.bindings.boot.boot_abi.setup_header;

/**
 * bzImage by its 64-bit entry point, 0x200 into what follows the setup sectors (Linux x86 boot protocol, "64-bit Boot
 * Protocol"). The kernel unpacks itself: it is loaded as it is, where it prefers to run, and is given
 * {@code init_size} bytes to do so.
 */
final class BzImage {
    static final int BOOT_FLAG = 0xAA55;
    static final long HEADER_MAGIC = 0x5372_6448;                   // "HdrS"
    /** The first protocol with xloadflags, which tell a 64-bit kernel from a 32-bit one (Linux 3.8). */
    static final int VERSION_64_BIT_ENTRY = 0x020C;
    /** All of the setup header that is read is within this. */
    static final int MIN_BYTES = 1024;

    private static final int SECTOR_BYTES = 512;
    private static final int DEFAULT_SETUP_SECTORS = 4;
    private static final int PARAGRAPH_BYTES = 16;
    private static final long ENTRY_64_OFFSET = 0x200;
    /** The header ends where the jump that it begins with goes: two bytes of jump, the second being the distance. */
    private static final long JUMP_END_OFFSET = setup_header.jump + 2;

    private BzImage() {
    }

    static boolean isBzImage(Fields start) {
        return start.byteSize() >= MIN_BYTES
                && start.get16(boot_params.hdr + setup_header.boot_flag) == BOOT_FLAG
                && start.get32(boot_params.hdr + setup_header.header) == HEADER_MAGIC;
    }

    static LoadedKernel load(Loading loading) {
        BootFile file = loading.kernel;
        Fields start = file.read(0, MIN_BYTES);
        int xloadflags = checkedLoadFlags(file, start);
        long alignment = get32(start, setup_header.kernel_alignment);
        boolean relocatable = start.get8(boot_params.hdr + setup_header.relocatable_kernel) != 0;
        if (relocatable && (alignment == 0 || (alignment & alignment - 1) != 0)) {
            throw damaged(file, "kernel_alignment", alignment);
        }
        int setupSectors = start.get8(boot_params.hdr + setup_header.setup_sects);
        long setupBytes = (1L + (setupSectors == 0 ? DEFAULT_SETUP_SECTORS : setupSectors)) * SECTOR_BYTES;
        long imageBytes = imageBytes(file, start, setupBytes);
        long gpa = start.get64(boot_params.hdr + setup_header.pref_address);
        if (relocatable) {
            gpa = gpa + alignment - 1 & -alignment;                 // where it would move itself to
        }
        long runBytes = Math.max(imageBytes, get32(start, setup_header.init_size));

        ZeroPage zeroPage = new ZeroPage();
        zeroPage.header(setupHeader(file, start));
        zeroPage.storeSurroundings(loading,
                Math.min(get32(start, setup_header.cmdline_size), Loading.LONGEST_COMMAND_LINE_BYTES));
        loading.claim("the kernel", gpa, runBytes);
        loading.read(file, setupBytes, gpa, imageBytes);
        boolean above4G = (xloadflags & boot_abi.XLF_CAN_BE_LOADED_ABOVE_4G) != 0;
        long initrdLimit = above4G ? 1L << 32 : get32(start, setup_header.initrd_addr_max) + 1;
        long initrdGpa = loading.loadInitrd(initrdLimit, above4G);
        BootState state = zeroPage.store(loading, gpa + ENTRY_64_OFFSET, initrdGpa);
        return new LoadedKernel(KernelKind.BZIMAGE, state, gpa, runBytes, initrdGpa, loading.initrdBytes());
    }

    private static int checkedLoadFlags(BootFile file, Fields start) {
        int version = start.get16(boot_params.hdr + setup_header.version);
        if (version < VERSION_64_BIT_ENTRY) {
            throw new BootException(file.label() + " has boot protocol " + (version >>> 8) + "." + (version & 0xFF)
                    + ", older than 2.12: give an x86-64 Linux of 3.8 or newer");
        }
        if ((start.get8(boot_params.hdr + setup_header.loadflags) & boot_abi.LOADED_HIGH) == 0) {
            throw new BootException(file.label() + " is a zImage, to be loaded low: give a bzImage");
        }
        int xloadflags = start.get16(boot_params.hdr + setup_header.xloadflags);
        if ((xloadflags & boot_abi.XLF_KERNEL_64) == 0) {
            throw new BootException(file.label() + " is a 32-bit Linux kernel (no 64-bit entry point): give an x86-64 one");
        }
        return xloadflags;
    }

    /** What follows the setup sectors; a signature behind it is not part of the kernel. */
    private static long imageBytes(BootFile file, Fields start, long setupBytes) {
        long following = file.byteSize() - setupBytes;
        long stated = get32(start, setup_header.syssize) * PARAGRAPH_BYTES;
        // The size is counted in paragraphs and the last one need not be whole.
        if (following <= ENTRY_64_OFFSET || stated - following >= PARAGRAPH_BYTES) {
            throw new BootException(file.label() + " is truncated: it should have "
                    + (setupBytes + Math.max(stated, ENTRY_64_OFFSET + 1)) + " bytes and has " + file.byteSize()
                    + ": copy it again");
        }
        return stated <= ENTRY_64_OFFSET ? following : Math.min(stated, following);
    }

    private static byte[] setupHeader(BootFile file, Fields start) {
        long from = boot_params.hdr;
        long distance = start.get8(from + setup_header.jump + 1);
        long end = from + JUMP_END_OFFSET + distance;
        if (end < from + setup_header.handover_offset) {            // all up to init_size is there since 2.10
            throw damaged(file, "length of the setup header", distance);
        }
        byte[] header = new byte[(int) (Math.min(end, boot_params.edd_mbr_sig_buffer) - from)];
        System.arraycopy(start.array(), (int) from, header, 0, header.length);
        return header;
    }

    private static long get32(Fields start, long headerOffset) {
        return start.get32(boot_params.hdr + headerOffset);
    }

    private static BootException damaged(BootFile file, String field, long value) {
        return new BootException(file.label() + ": " + field + " is " + Placement.hex(value)
                + ", which cannot be: the file is damaged");
    }
}
