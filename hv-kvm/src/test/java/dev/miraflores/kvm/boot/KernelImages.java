// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;

/** Small files that are kernels to a loader: right in each field that one looks at, noise as code. */
final class KernelImages {
    static final int BZ_SETUP_SECTORS = 3;
    static final int BZ_SETUP_BYTES = (BZ_SETUP_SECTORS + 1) * 512;
    static final int BZ_IMAGE_BYTES = 64 << 10;
    static final int BZ_INIT_BYTES = 3 << 20;
    static final int BZ_PREF_GPA = 16 << 20;
    static final int BZ_CMDLINE_BYTES = 2047;
    static final int ELF_GPA = 0x10_0000;
    static final int ELF_ENTRY = ELF_GPA + 0x40;
    static final int CODE_BYTES = 6000;
    static final int BSS_BYTES = 0x3000;

    private KernelImages() {
    }

    /** bzImage of protocol 2.15, 64 bits, relocatable, to run at 16 MiB. */
    static byte[] bzImage() {
        byte[] file = new byte[BZ_SETUP_BYTES + BZ_IMAGE_BYTES];
        ByteBuffer b = littleEndian(file);
        b.put(0x1F1, (byte) BZ_SETUP_SECTORS);
        b.putInt(0x1F4, BZ_IMAGE_BYTES / 16);                       // syssize
        b.putShort(0x1FE, (short) 0xAA55);
        b.putShort(0x200, (short) 0x6AEB);                          // jump over the header, to 0x26C
        b.putInt(0x202, 0x5372_6448);
        b.putShort(0x206, (short) 0x020F);
        b.put(0x211, (byte) 1);                                     // LOADED_HIGH
        b.putInt(0x214, 0x10_0000);                                 // code32_start
        b.putInt(0x22C, 0x7FFF_FFFF);                               // initrd_addr_max
        b.putInt(0x230, 0x20_0000);                                 // kernel_alignment
        b.put(0x234, (byte) 1);                                     // relocatable
        b.put(0x235, (byte) 21);
        b.putShort(0x236, (short) 0x3F);                            // xloadflags
        b.putInt(0x238, BZ_CMDLINE_BYTES);
        b.putLong(0x258, BZ_PREF_GPA);
        b.putInt(0x260, BZ_INIT_BYTES);
        noise(file, BZ_SETUP_BYTES, BZ_IMAGE_BYTES);
        return file;
    }

    /** 64-bit ELF, one segment at 1 MiB, linked and entered in the kernel's half of the address space; no notes. */
    static byte[] vmlinux() {
        return elf64(null);
    }

    /** The same with the note that Linux has. */
    static byte[] vmlinuxOfLinux() {
        return elf64(concat(note("Linux", 0x100, 0), note("Xen", 18, ELF_ENTRY)));
    }

    /** 64-bit ELF with a PVH entry point. */
    static byte[] pvh() {
        return elf64(concat(note("GNU", 3, 0x1234_5678), note("Xen", 18, ELF_ENTRY)));
    }

    /** A statically linked program for Linux: no interpreter, but a note with its operating system. */
    static byte[] program() {
        return elf64(note("GNU", 1, 0));
    }

    /** 32-bit ELF with a PVH entry point. */
    static byte[] pvh32() {
        return elf32(note("Xen", 18, ELF_ENTRY), false);
    }

    /** 32-bit ELF with a Multiboot header. */
    static byte[] multibootElf() {
        return elf32(null, true);
    }

    /** Not ELF: a Multiboot header that says where to load the file, after 16 bytes that are not loaded. */
    static byte[] multibootFlat() {
        byte[] file = new byte[16 + CODE_BYTES];
        noise(file, 0, file.length);
        ByteBuffer b = littleEndian(file);
        int at = 16 + 64;
        int flags = 0x1_0003;
        b.putInt(at, 0x1BAD_B002).putInt(at + 4, flags).putInt(at + 8, -(0x1BAD_B002 + flags));
        b.putInt(at + 12, ELF_GPA + 64);                            // header_addr
        b.putInt(at + 16, ELF_GPA);                                 // load_addr
        b.putInt(at + 20, ELF_GPA + CODE_BYTES);                    // load_end_addr
        b.putInt(at + 24, ELF_GPA + CODE_BYTES + BSS_BYTES);        // bss_end_addr
        b.putInt(at + 28, ELF_ENTRY);
        return file;
    }

    static byte[] initrd(int byteSize) {
        byte[] file = new byte[byteSize];
        noise(file, 0, byteSize);
        return file;
    }

    /** Offset in the file of the code that all ELF images have. */
    static int elfCodeOffset() {
        return 0x1000;
    }

    private static byte[] elf64(byte[] notes) {
        long virtualBase = 0xFFFF_FFFF_8000_0000L;
        byte[] file = new byte[elfCodeOffset() + CODE_BYTES];
        noise(file, elfCodeOffset(), CODE_BYTES);
        ByteBuffer b = ident(file, 2, 62);
        b.putLong(24, virtualBase + ELF_ENTRY).putLong(32, 64);
        b.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) (notes == null ? 1 : 2));
        b.putInt(64, 1).putInt(68, 7).putLong(72, elfCodeOffset());
        b.putLong(80, virtualBase + ELF_GPA).putLong(88, ELF_GPA);
        b.putLong(96, CODE_BYTES).putLong(104, CODE_BYTES + BSS_BYTES).putLong(112, 0x1000);
        if (notes != null) {
            System.arraycopy(notes, 0, file, 0x200, notes.length);
            b.putInt(120, 4).putLong(128, 0x200).putLong(152, notes.length).putLong(160, notes.length).putLong(168, 4);
        }
        return file;
    }

    private static byte[] elf32(byte[] notes, boolean multiboot) {
        byte[] file = new byte[elfCodeOffset() + CODE_BYTES];
        noise(file, elfCodeOffset(), CODE_BYTES);
        ByteBuffer b = ident(file, 1, 3);
        b.putInt(24, ELF_ENTRY).putInt(28, 52);
        b.putShort(40, (short) 52).putShort(42, (short) 32).putShort(44, (short) (notes == null ? 1 : 2));
        b.putInt(52, 1).putInt(56, elfCodeOffset()).putInt(60, ELF_GPA).putInt(64, ELF_GPA);
        b.putInt(68, CODE_BYTES).putInt(72, CODE_BYTES + BSS_BYTES).putInt(76, 7).putInt(80, 0x1000);
        if (notes != null) {
            System.arraycopy(notes, 0, file, 0x200, notes.length);
            b.putInt(84, 4).putInt(88, 0x200).putInt(100, notes.length).putInt(104, notes.length).putInt(112, 4);
        }
        if (multiboot) {
            b.putInt(elfCodeOffset(), 0x1BAD_B002).putInt(elfCodeOffset() + 4, 3);
            b.putInt(elfCodeOffset() + 8, -(0x1BAD_B002 + 3));
        }
        return file;
    }

    private static ByteBuffer ident(byte[] file, int elfClass, int machine) {
        ByteBuffer b = littleEndian(file);
        b.putInt(0, 0x464C_457F).put(4, (byte) elfClass).put(5, (byte) 1).put(6, (byte) 1);
        return b.putShort(16, (short) 2).putShort(18, (short) machine).putInt(20, 1);
    }

    private static byte[] note(String name, int type, int value) {
        byte[] text = name.concat("\0").getBytes(StandardCharsets.US_ASCII);
        ByteBuffer b = littleEndian(new byte[12 + (text.length + 3 & ~3) + 4]);
        b.putInt(text.length).putInt(4).putInt(type).put(text);
        return b.putInt(b.capacity() - 4, value).array();
    }

    private static byte[] concat(byte[] a, byte[] b) {
        ByteArrayOutputStream both = new ByteArrayOutputStream();
        both.writeBytes(a);
        both.writeBytes(b);
        return both.toByteArray();
    }

    private static void noise(byte[] file, int offset, int count) {
        byte[] bytes = new byte[count];
        new Random(count).nextBytes(bytes);
        System.arraycopy(bytes, 0, file, offset, count);
    }

    static ByteBuffer littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static byte[] part(byte[] file, int offset, int count) {
        return Arrays.copyOfRange(file, offset, offset + count);
    }
}
