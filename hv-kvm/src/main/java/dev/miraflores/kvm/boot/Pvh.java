// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.lang.foreign.MemorySegment;

/**
 * The x86/HVM direct boot ABI, "PVH": an ELF note names a 32-bit entry point, which gets the address of a start info
 * structure in ebx (Xen, docs/misc/pvh and xen/include/public/arch-x86/hvm/start_info.h).
 * <pre>
 *    0  le32  magic              module:     0  le64  address      memory map:   0  le64  address
 *    4  le32  version                        8  le64  size                       8  le64  size
 *    8  le32  flags                         16  le64  command line              16  le32  type, as in e820
 *   12  le32  modules                       24  le64  reserved                  20  le32  reserved
 *   16  le64  module list
 *   24  le64  command line
 *   32  le64  RSDP
 *   40  le64  memory map         since version 1
 *   48  le32  memory map entries
 *   52  le32  reserved </pre>
 */
final class Pvh {
    /** XEN_ELFNOTE_GUEST_OS. */
    static final int NOTE_GUEST_OS = 6;
    /** XEN_ELFNOTE_PHYS32_ENTRY. */
    static final int NOTE_PHYS32_ENTRY = 18;

    private static final long MAGIC = 0x336E_C578;
    private static final int VERSION = 1;
    private static final int START_INFO_BYTES = 56;
    private static final int MODULE_BYTES = 32;
    private static final int MAP_ENTRY_BYTES = 24;

    private Pvh() {
    }

    static LoadedKernel load(Loading loading) {
        BootFile file = loading.kernel;
        ElfFile elf = ElfFile.parse(file, file.read(0, ElfFile.IDENT_BYTES));
        if (!elf.hasPvhEntry()) {
            throw new BootException(file.label() + " has no PVH entry point (ELF note Xen, 18):"
                    + " give a kernel built with CONFIG_PVH");
        }
        if (!elf.holdsPhysical(elf.pvhEntry())) {
            throw new BootException(file.label() + ": the PVH entry point " + Placement.hex(elf.pvhEntry())
                    + " is in none of its segments: the file is damaged");
        }
        loading.storeFirstPage(LowMemory.firstPage(false));
        loading.storeCommandLine(loading.request.commandLine(),
                elf.isLinux() ? Loading.LINUX_COMMAND_LINE_BYTES : Loading.LONGEST_COMMAND_LINE_BYTES);
        long[] moduleLines = loading.storeModuleCommandLines();
        loading.claim("the PVH start info", LowMemory.START_INFO_GPA, startInfoBytes(loading));
        ElfFile.Extent extent = elf.load(loading);
        long[] moduleGpas = loading.loadModules(-1);
        loading.write(LowMemory.START_INFO_GPA, MemorySegment.ofArray(startInfo(loading, moduleGpas, moduleLines)));
        BootState state = new BootState.ProtectedMode((int) elf.pvhEntry(), 0, (int) LowMemory.START_INFO_GPA);
        return new LoadedKernel(KernelKind.PVH, state, extent.gpa(), extent.byteSize(),
                moduleGpas.length == 0 ? 0 : moduleGpas[0], loading.initrdBytes());
    }

    private static int startInfoBytes(Loading loading) {
        return START_INFO_BYTES + loading.map.size() * MAP_ENTRY_BYTES + loading.request.modules().size() * MODULE_BYTES;
    }

    /** The structure, the memory map, the module list, one after the other. */
    private static byte[] startInfo(Loading loading, long[] moduleGpas, long[] moduleLines) {
        MemoryMap map = loading.map;
        Fields info = new Fields(new byte[startInfoBytes(loading)]);
        long mapOffset = START_INFO_BYTES;
        long modulesOffset = mapOffset + (long) map.size() * MAP_ENTRY_BYTES;
        info.put32(0, MAGIC);
        info.put32(4, VERSION);
        info.put32(12, moduleGpas.length);
        info.put64(16, moduleGpas.length == 0 ? 0 : LowMemory.START_INFO_GPA + modulesOffset);
        info.put64(24, LowMemory.COMMAND_LINE_GPA);
        info.put64(32, loading.request.rsdpGpa());
        info.put64(40, LowMemory.START_INFO_GPA + mapOffset);
        info.put32(48, map.size());
        for (int i = 0; i < map.size(); i++) {
            long at = mapOffset + (long) i * MAP_ENTRY_BYTES;
            info.put64(at, map.get(i).gpa());
            info.put64(at + 8, map.get(i).byteSize());
            info.put32(at + 16, map.get(i).type());
        }
        for (int i = 0; i < moduleGpas.length; i++) {
            long at = modulesOffset + (long) i * MODULE_BYTES;
            info.put64(at, moduleGpas[i]);
            info.put64(at + 8, loading.request.modules().get(i).file().byteSize());
            info.put64(at + 16, moduleLines[i]);
        }
        return info.array();
    }
}
