// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * Multiboot 1 (Multiboot Specification 0.6.96): a header in the first 8 KiB, the kernel loaded by its ELF segments or
 * by addresses in that header (the "a.out kludge"), entered in 32-bit mode with the information structure in ebx.
 *
 * <p>As in QEMU, the command line begins with the kernel's file name. Modules lie above the kernel, lowest first, since
 * small kernels map little more than themselves. A wanted video mode is not set, and the information says so.
 * <pre>
 *   header                        information                       module
 *    0  le32  magic                0  le32  flags                     0  le32  start
 *    4  le32  flags                4  le32  mem_lower, KiB            4  le32  end
 *    8  le32  checksum             8  le32  mem_upper, KiB            8  le32  command line
 *   12  le32  header_addr         16  le32  command line             12  le32  reserved
 *   16  le32  load_addr           20  le32  modules
 *   20  le32  load_end_addr       24  le32  module list             memory map
 *   24  le32  bss_end_addr        44  le32  memory map bytes          0  le32  bytes that follow, 20
 *   28  le32  entry_addr          48  le32  memory map                4  le64  address
 *                                 64  le32  boot loader's name       12  le64  size
 *                                 116 bytes in all                   20  le32  type, as in e820 </pre>
 */
final class Multiboot {
    /** The header is within these, aligned to 4 bytes (§3.1). */
    static final int SEARCH_BYTES = 8192;

    private static final int HEADER_MAGIC = 0x1BAD_B002;
    private static final int ENTRY_MAGIC = 0x2BAD_B002;
    private static final int HEADER_BYTES = 12;
    private static final int HEADER_WITH_ADDRESSES_BYTES = 32;
    private static final int HEADER_HAS_ADDRESSES = 1 << 16;
    /** Modules on pages, memory information, a video mode: the requirements known; 3..15 are for those to come. */
    private static final int UNKNOWN_REQUIREMENTS = 0xFFF8;

    private static final int INFO_BYTES = 116;
    private static final int INFO_MEMORY = 1;
    private static final int INFO_COMMAND_LINE = 1 << 2;
    private static final int INFO_MODULES = 1 << 3;
    private static final int INFO_MEMORY_MAP = 1 << 6;
    private static final int INFO_LOADER_NAME = 1 << 9;
    private static final int MODULE_BYTES = 16;
    private static final int MAP_ENTRY_BYTES = 24;
    private static final byte[] LOADER_NAME = "miraflores\0".getBytes(StandardCharsets.US_ASCII);

    private Multiboot() {
    }

    /** The header's offset in the file's start, or −1 when there is none whose fields add up to zero. */
    static int findHeader(Fields start) {
        int end = Math.min(start.byteSize(), SEARCH_BYTES) - HEADER_BYTES;
        for (int at = 0; at <= end; at += 4) {
            if ((int) start.get32(at) == HEADER_MAGIC
                    && (int) (start.get32(at) + start.get32(at + 4) + start.get32(at + 8)) == 0) {
                return at;
            }
        }
        return -1;
    }

    /** Whether the header at this offset says where to load the file, which then need not be ELF. */
    static boolean hasAddresses(Fields start, int headerOffset) {
        return (start.get32(headerOffset + 4) & HEADER_HAS_ADDRESSES) != 0;
    }

    static LoadedKernel load(Loading loading) {
        BootFile file = loading.kernel;
        Fields start = file.read(0, (int) Math.min(SEARCH_BYTES, file.byteSize()));
        int header = findHeader(start);
        if (header < 0) {
            throw new BootException(file.label() + " has no Multiboot header in its first 8 KiB: boot it otherwise");
        }
        if ((start.get32(header + 4) & UNKNOWN_REQUIREMENTS) != 0) {
            throw new BootException(file.label() + " asks for more than Multiboot 1 has (flags "
                    + Placement.hex(start.get32(header + 4)) + "): give another kernel");
        }
        byte[] firstPage = LowMemory.firstPage(false);
        LowMemory.addInterruptVectors(firstPage);
        loading.storeFirstPage(firstPage);
        String line = file.name().concat(" ").concat(loading.request.commandLine());
        loading.storeCommandLine(line, Loading.LONGEST_COMMAND_LINE_BYTES);
        long[] moduleLines = loading.storeModuleCommandLines();
        loading.claim("the Multiboot information", LowMemory.MULTIBOOT_INFO_GPA, informationBytes(loading));
        Image image = hasAddresses(start, header) ? loadByAddresses(loading, start, header) : loadElf(loading, start);
        long[] moduleGpas = loading.loadModules(image.extent.gpa() + image.extent.byteSize());
        loading.write(LowMemory.MULTIBOOT_INFO_GPA, MemorySegment.ofArray(information(loading, moduleGpas, moduleLines)));
        BootState state = new BootState.ProtectedMode((int) image.entryGpa, ENTRY_MAGIC, (int) LowMemory.MULTIBOOT_INFO_GPA);
        return new LoadedKernel(KernelKind.MULTIBOOT, state, image.extent.gpa(), image.extent.byteSize(),
                moduleGpas.length == 0 ? 0 : moduleGpas[0], loading.initrdBytes());
    }

    private record Image(ElfFile.Extent extent, long entryGpa) {
    }

    private static Image loadElf(Loading loading, Fields start) {
        BootFile file = loading.kernel;
        if (!ElfFile.isElf(start)) {
            throw new BootException(file.label() + " has a Multiboot header without load addresses and is not ELF: damaged");
        }
        ElfFile elf = ElfFile.parse(file, start);
        long entryGpa = elf.physicalEntry();
        if (entryGpa >>> 32 != 0) {
            throw new BootException(file.label() + ": the entry point " + Placement.hex(entryGpa)
                    + " is above 4 GiB, which Multiboot cannot enter: link it lower");
        }
        return new Image(elf.load(loading), entryGpa);
    }

    /** One stretch of the file, placed so that the header comes to be at header_addr (§3.1.3). */
    private static Image loadByAddresses(Loading loading, Fields start, int header) {
        BootFile file = loading.kernel;
        if (header + HEADER_WITH_ADDRESSES_BYTES > start.byteSize()) {
            throw new BootException(file.label() + " is truncated in its Multiboot header: copy it again");
        }
        long headerGpa = start.get32(header + 12);
        long loadGpa = start.get32(header + 16);
        long loadEnd = start.get32(header + 20);
        long bssEnd = start.get32(header + 24);
        long entryGpa = start.get32(header + 28);
        long offset = header - (headerGpa - loadGpa);
        if (loadGpa > headerGpa || offset < 0) {
            throw addressesDamaged(file, "load_addr", loadGpa);
        }
        long fileBytes = loadEnd == 0 ? file.byteSize() - offset : loadEnd - loadGpa;   // 0: to the end of the file
        if (fileBytes <= 0) {
            throw addressesDamaged(file, "load_end_addr", loadEnd);
        }
        if (!file.holds(offset, fileBytes)) {
            throw new BootException(file.label() + " is truncated: it should have " + (offset + fileBytes)
                    + " bytes and has " + file.byteSize() + ": copy it again");
        }
        if (bssEnd != 0 && bssEnd < loadGpa + fileBytes) {
            throw addressesDamaged(file, "bss_end_addr", bssEnd);
        }
        long memoryBytes = bssEnd == 0 ? fileBytes : bssEnd - loadGpa;
        if (entryGpa < loadGpa || entryGpa >= loadGpa + memoryBytes) {
            throw addressesDamaged(file, "entry_addr", entryGpa);
        }
        loading.claim("the kernel", loadGpa, memoryBytes);
        loading.read(file, offset, loadGpa, fileBytes);
        return new Image(new ElfFile.Extent(loadGpa, memoryBytes), entryGpa);
    }

    private static int informationBytes(Loading loading) {
        return INFO_BYTES + LOADER_NAME.length + loading.map.size() * MAP_ENTRY_BYTES
                + loading.request.modules().size() * MODULE_BYTES;
    }

    /** The structure, the memory map, the module list, the loader's name, one after the other. */
    private static byte[] information(Loading loading, long[] moduleGpas, long[] moduleLines) {
        MemoryMap map = loading.map;
        Fields info = new Fields(new byte[informationBytes(loading)]);
        int mapOffset = INFO_BYTES;
        int modulesOffset = mapOffset + map.size() * MAP_ENTRY_BYTES;
        int nameOffset = modulesOffset + moduleGpas.length * MODULE_BYTES;
        info.put32(0, INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MEMORY_MAP | INFO_LOADER_NAME);
        MemoryMap.Entry low = map.ramAt(0);
        MemoryMap.Entry high = map.ramAt(LowMemory.HIGH_GPA);
        info.put32(4, low == null ? 0 : low.byteSize() >>> 10);
        info.put32(8, high == null ? 0 : high.byteSize() >>> 10);       // up to the first hole
        info.put32(16, LowMemory.COMMAND_LINE_GPA);
        info.put32(20, moduleGpas.length);
        info.put32(24, LowMemory.MULTIBOOT_INFO_GPA + modulesOffset);
        info.put32(44, (long) map.size() * MAP_ENTRY_BYTES);
        info.put32(48, LowMemory.MULTIBOOT_INFO_GPA + mapOffset);
        info.put32(64, LowMemory.MULTIBOOT_INFO_GPA + nameOffset);
        for (int i = 0; i < map.size(); i++) {
            int at = mapOffset + i * MAP_ENTRY_BYTES;
            info.put32(at, MAP_ENTRY_BYTES - 4);
            info.put64(at + 4, map.get(i).gpa());
            info.put64(at + 12, map.get(i).byteSize());
            info.put32(at + 20, map.get(i).type());
        }
        for (int i = 0; i < moduleGpas.length; i++) {
            int at = modulesOffset + i * MODULE_BYTES;
            info.put32(at, moduleGpas[i]);
            info.put32(at + 4, moduleGpas[i] + loading.request.modules().get(i).file().byteSize());
            info.put32(at + 8, moduleLines[i]);
        }
        info.putBytes(nameOffset, LOADER_NAME);
        return info.array();
    }

    private static BootException addressesDamaged(BootFile file, String field, long value) {
        return new BootException(file.label() + ": " + field + " of its Multiboot header is " + Placement.hex(value)
                + ", which cannot be: the file is damaged");
    }
}
