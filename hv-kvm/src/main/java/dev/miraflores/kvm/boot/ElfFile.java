// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.bindings.boot.boot_abi;
import java.util.ArrayList;
import java.util.List;

/**
 * An ELF program for x86, 32 or 64 bits: its segments to load and its notes (System V ABI, chapters 4 and 5). Both
 * classes read into the same shape.
 */
final class ElfFile {
    /** What {@link #parse} wants to see of the file. */
    static final int IDENT_BYTES = boot_abi.EI_NIDENT;

    private static final int MAGIC = boot_abi.ELFMAG0 | boot_abi.ELFMAG1 << 8 | boot_abi.ELFMAG2 << 16
            | boot_abi.ELFMAG3 << 24;
    /** A kernel has around ten; what is far beyond is not one. */
    private static final int MAX_PROGRAM_HEADERS = 1024;
    private static final int MAX_NOTE_BYTES = 1 << 20;
    /** NT_GNU_ABI_TAG: which operating system a program is for. */
    private static final int NOTE_ABI_TAG = 1;
    private static final int NOTE_HEADER_BYTES = (int) boot_abi.elf64_note.sizeof;

    /**
     * A part of the file with its place in memory.
     *
     * @param offset in the file
     * @param virtual the address it is linked for
     * @param physical the address it is loaded at
     * @param fileBytes how much of it is in the file
     * @param memoryBytes how much it takes in memory; the rest is zero
     */
    record Segment(long offset, long virtual, long physical, long fileBytes, long memoryBytes) {
    }

    private final BootFile file;
    private final boolean is64;
    private final long entry;
    private final List<Segment> loads = new ArrayList<>();
    private boolean linux;
    private boolean program;
    private long pvhEntry = -1;

    private ElfFile(BootFile file, boolean is64, long entry) {
        this.file = file;
        this.is64 = is64;
        this.entry = entry;
    }

    static boolean isElf(Fields start) {
        return start.byteSize() >= 4 && (int) start.get32(0) == MAGIC;
    }

    /**
     * Reads and checks the headers of a file that {@link #isElf}.
     *
     * @param start its first bytes
     */
    static ElfFile parse(BootFile file, Fields start) {
        boolean is64 = byteAt(start, boot_abi.EI_CLASS) == boot_abi.ELFCLASS64;
        int headerBytes = (int) (is64 ? boot_abi.elf64_hdr.sizeof : boot_abi.elf32_hdr.sizeof);
        Fields header = file.read(0, headerBytes);
        int machine = header.get16(boot_abi.elf64_hdr.e_machine);       // both classes are alike up to e_version
        int type = header.get16(boot_abi.elf64_hdr.e_type);
        boolean x86 = is64 ? machine == boot_abi.EM_X86_64
                : machine == boot_abi.EM_386 && header.get8(boot_abi.EI_CLASS) == boot_abi.ELFCLASS32;
        if (!x86 || header.get8(boot_abi.EI_DATA) != boot_abi.ELFDATA2LSB) {
            throw new BootException(file.label() + " is ELF for another machine (e_machine " + machine
                    + ", class " + header.get8(boot_abi.EI_CLASS) + "): give an x86-64 kernel");
        }
        if (type != boot_abi.ET_EXEC && type != boot_abi.ET_DYN) {
            throw new BootException(file.label() + " is ELF, but no program (e_type " + type + "): give a linked kernel");
        }
        ElfFile elf = is64 ? new ElfFile(file, true, header.get64(boot_abi.elf64_hdr.e_entry))
                : new ElfFile(file, false, header.get32(boot_abi.elf32_hdr.e_entry));
        elf.readProgramHeaders(header);
        return elf;
    }

    boolean is64() {
        return is64;
    }

    /** Whether a note says that this is Linux. */
    boolean isLinux() {
        return linux;
    }

    /** Whether a note says which operating system it runs under. */
    boolean isProgram() {
        return program;
    }

    /** Whether a note names a PVH entry point. */
    boolean hasPvhEntry() {
        return pvhEntry >= 0;
    }

    /** The physical address that PVH begins at. */
    long pvhEntry() {
        return pvhEntry;
    }

    /**
     * The physical address of the entry point. The header has it as either; within the segments' physical range it is
     * taken for physical.
     */
    long physicalEntry() {
        if (holdsPhysical(entry)) {
            return entry;
        }
        for (Segment segment : loads) {
            if (inside(entry, segment.virtual, segment.memoryBytes)) {
                return segment.physical + (entry - segment.virtual);
            }
        }
        throw new BootException(file.label() + ": the entry point " + Placement.hex(entry)
                + " is in none of its segments: the file is damaged or is no kernel");
    }

    /** Whether this address is in a segment, once loaded. */
    boolean holdsPhysical(long gpa) {
        for (Segment segment : loads) {
            if (inside(gpa, segment.physical, segment.memoryBytes)) {
                return true;
            }
        }
        return false;
    }

    /** Puts the segments into memory; bytes that are not in the file are left as they are, zero. */
    Extent load(Loading loading) {
        long first = Long.MAX_VALUE;
        long end = 0;
        for (Segment segment : loads) {
            loading.claim("a segment", segment.physical, segment.memoryBytes);
            first = Math.min(first, segment.physical);
            end = Math.max(end, segment.physical + segment.memoryBytes);
        }
        for (Segment segment : loads) {
            loading.read(file, segment.offset, segment.physical, segment.fileBytes);
        }
        return new Extent(first, end - first);
    }

    /** Where the segments lie, from the first byte to the last. */
    record Extent(long gpa, long byteSize) {
    }

    private void readProgramHeaders(Fields header) {
        long tableOffset = is64 ? header.get64(boot_abi.elf64_hdr.e_phoff) : header.get32(boot_abi.elf32_hdr.e_phoff);
        int count = header.get16(is64 ? boot_abi.elf64_hdr.e_phnum : boot_abi.elf32_hdr.e_phnum);
        int entryBytes = header.get16(is64 ? boot_abi.elf64_hdr.e_phentsize : boot_abi.elf32_hdr.e_phentsize);
        long expected = is64 ? boot_abi.elf64_phdr.sizeof : boot_abi.elf32_phdr.sizeof;
        if (count == 0 || count > MAX_PROGRAM_HEADERS || entryBytes != expected) {
            throw new BootException(file.label() + " has " + count + " ELF program headers of " + entryBytes
                    + " bytes: it is damaged or is no kernel");
        }
        Fields table = file.read(tableOffset, count * entryBytes);
        for (int i = 0; i < count; i++) {
            readProgramHeader(table, (long) i * entryBytes);
        }
        if (loads.isEmpty()) {
            throw new BootException(file.label() + " is ELF without a segment to load: give a linked kernel");
        }
    }

    private void readProgramHeader(Fields table, long at) {
        int type = (int) table.get32(at);
        if (type == boot_abi.PT_INTERP) {
            throw isNoKernel();
        }
        if (type != boot_abi.PT_LOAD && type != boot_abi.PT_NOTE) {
            return;
        }
        Segment segment = is64
                ? new Segment(table.get64(at + boot_abi.elf64_phdr.p_offset), table.get64(at + boot_abi.elf64_phdr.p_vaddr),
                        table.get64(at + boot_abi.elf64_phdr.p_paddr), table.get64(at + boot_abi.elf64_phdr.p_filesz),
                        table.get64(at + boot_abi.elf64_phdr.p_memsz))
                : new Segment(table.get32(at + boot_abi.elf32_phdr.p_offset), table.get32(at + boot_abi.elf32_phdr.p_vaddr),
                        table.get32(at + boot_abi.elf32_phdr.p_paddr), table.get32(at + boot_abi.elf32_phdr.p_filesz),
                        table.get32(at + boot_abi.elf32_phdr.p_memsz));
        if (!file.holds(segment.offset, segment.fileBytes)) {
            throw new BootException(file.label() + " is truncated: a segment of "
                    + Long.toUnsignedString(segment.fileBytes) + " bytes begins at " + Long.toUnsignedString(segment.offset)
                    + " and the file has " + file.byteSize() + ": copy it again");
        }
        if (type == boot_abi.PT_NOTE) {
            readNotes(segment, (int) table.get32(at + (is64 ? boot_abi.elf64_phdr.p_align : boot_abi.elf32_phdr.p_align)));
        } else if (segment.memoryBytes != 0) {
            if (Long.compareUnsigned(segment.memoryBytes, segment.fileBytes) < 0) {
                throw new BootException(file.label() + ": a segment has " + segment.fileBytes
                        + " bytes in the file and " + segment.memoryBytes + " in memory: the file is damaged");
            }
            loads.add(segment);
        }
    }

    BootException isNoKernel() {
        return new BootException(file.label() + " is a program that runs under an operating system: give a kernel");
    }

    /** Notes follow each other, name and description padded to 4 bytes, or to 8 where the segment is aligned so. */
    private void readNotes(Segment segment, int alignment) {
        if (segment.fileBytes > MAX_NOTE_BYTES) {
            throw new BootException(file.label() + " has " + segment.fileBytes + " bytes of ELF notes: it is no kernel");
        }
        Fields notes = file.read(segment.offset, (int) segment.fileBytes);
        long padding = alignment == 8 ? 7 : 3;
        long at = 0;
        while (at + NOTE_HEADER_BYTES <= notes.byteSize()) {
            long nameBytes = notes.get32(at + boot_abi.elf64_note.n_namesz);
            long descBytes = notes.get32(at + boot_abi.elf64_note.n_descsz);
            long nameAt = at + NOTE_HEADER_BYTES;
            long descAt = nameAt + nameBytes + padding & ~padding;
            if (descAt + descBytes > notes.byteSize()) {
                return;
            }
            readNote(notes, nameAt, nameBytes, (int) notes.get32(at + boot_abi.elf64_note.n_type), descAt, descBytes);
            at = descAt + descBytes + padding & ~padding;
        }
    }

    private void readNote(Fields notes, long nameAt, long nameBytes, int type, long descAt, long descBytes) {
        if (equal(notes, nameAt, nameBytes, "Linux")) {
            linux = true;
        } else if (equal(notes, nameAt, nameBytes, "GNU")) {
            program |= type == NOTE_ABI_TAG;
        } else if (equal(notes, nameAt, nameBytes, "Xen")) {
            if (type == Pvh.NOTE_GUEST_OS && equal(notes, descAt, descBytes, "linux")) {
                linux = true;
            } else if (type == Pvh.NOTE_PHYS32_ENTRY && descBytes >= 4) {
                pvhEntry = notes.get32(descAt);                     // 4 or 8 bytes, below 4 GiB as its name says
            }
        }
    }

    private static boolean equal(Fields notes, long at, long count, String text) {
        if (count != text.length() + 1 || notes.get8(at + count - 1) != 0) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            if (notes.get8(at + i) != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private static boolean inside(long address, long start, long byteSize) {
        return Long.compareUnsigned(address - start, byteSize) < 0;
    }

    private static int byteAt(Fields fields, int offset) {
        return offset < fields.byteSize() ? fields.get8(offset) : 0;
    }
}
