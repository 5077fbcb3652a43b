// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * One kernel on its way into guest memory: what is to be loaded, where there is room, and the steps that the
 * protocols share. Everything is claimed before it is written.
 */
final class Loading {
    private static final long FOUR_GIB = 1L << 32;
    /** Command lines have the memory up to here. */
    private static final long COMMAND_LINE_END = LowMemory.COMMAND_LINE_GPA + 0x1_0000;
    /** Linux's own limit on x86 (COMMAND_LINE_SIZE, with its terminator), where the file does not say another. */
    static final int LINUX_COMMAND_LINE_BYTES = 2047;
    /** For kernels that have no limit of their own: what there is room for. */
    static final int LONGEST_COMMAND_LINE_BYTES = 0xFFFF;

    final MemoryMap map;
    final BootRequest request;
    final BootFile kernel;
    private final GuestMemory memory;
    private final Placement placement;
    private long nextCommandLineGpa = LowMemory.COMMAND_LINE_GPA;

    Loading(GuestMemory memory, MemoryMap map, BootRequest request) {
        this.memory = memory;
        this.map = map;
        this.request = request;
        this.kernel = request.kernel();
        this.placement = new Placement(map);
    }

    /** Takes a range for the kernel. */
    void claim(String what, long gpa, long byteSize) {
        placement.claim(kernel.label(), what, gpa, byteSize);
    }

    void store(String what, long gpa, byte[] bytes) {
        store(what, gpa, MemorySegment.ofArray(bytes));
    }

    /** Claims a range for something of ours, and writes it. */
    void store(String what, long gpa, MemorySegment bytes) {
        placement.claim("memory", what, gpa, bytes.byteSize());
        write(gpa, bytes);
    }

    /** Writes to a place that is claimed. */
    void write(long gpa, MemorySegment bytes) {
        if (!memory.write(gpa, bytes)) {
            throw new AssertionError(Placement.hex(gpa) + " is claimed but not memory");
        }
    }

    /** Reads a part of a file to a place that is claimed. */
    void read(BootFile file, long offset, long gpa, long byteSize) {
        MemorySegment target = memory.slice(gpa, byteSize);
        if (target == null) {
            throw new AssertionError(Placement.hex(gpa) + " is claimed but not memory");
        }
        file.read(offset, target);
    }

    /** Stores the first page, which all protocols use: BIOS data and descriptor tables. */
    void storeFirstPage(byte[] page) {
        store("the descriptor table", 0, page);
        // EBDA: its size in KiB. Beyond what the map gives as RAM, so not claimed; a tiny guest may have none.
        memory.write(LowMemory.EBDA_GPA, new byte[] {1});
    }

    /** Stores the kernel's command line; its address is {@link LowMemory#COMMAND_LINE_GPA}. */
    void storeCommandLine(String text, long maxBytes) {
        byte[] line = terminated(kernel.label(), "the command line", text);
        if (line.length - 1 > maxBytes) {
            throw new BootException(kernel.label() + ": the command line of " + (line.length - 1)
                    + " bytes is longer than the " + maxBytes + " it takes: shorten it (--append)");
        }
        store("the command line", LowMemory.COMMAND_LINE_GPA, line);
        nextCommandLineGpa = LowMemory.COMMAND_LINE_GPA + line.length;
    }

    /** The bytes of a command line with a zero behind them. */
    static byte[] terminated(String owner, String what, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        byte[] line = new byte[bytes.length + 1];
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                throw new BootException(owner + ": " + what + " has a zero byte at " + i
                        + ", where it would end: take it out");
            }
            line[i] = bytes[i];
        }
        return line;
    }

    /**
     * Loads the one initrd a Linux kernel takes, as high as can be.
     *
     * @param limit the first address it must not reach; not above 4 GiB unless {@code anywhere}
     * @param anywhere whether it may also be above 4 GiB, if there is not enough room below
     * @return its address, or 0 without one
     */
    long loadInitrd(long limit, boolean anywhere) {
        if (request.modules().isEmpty()) {
            return 0;
        }
        if (request.modules().size() > 1) {
            throw new BootException(kernel.label() + ": a Linux kernel takes one initrd, not "
                    + request.modules().size() + ": put them into one file");
        }
        BootFile initrd = request.modules().get(0).file();
        long gpa = placement.claimHighest("the initrd", initrd.byteSize(), Math.min(limit, FOUR_GIB));
        if (gpa < 0 && anywhere) {
            gpa = placement.claimHighest("the initrd", initrd.byteSize(), Long.MAX_VALUE);
        }
        if (gpa < 0) {
            throw doesNotFit(initrd, limit);
        }
        read(initrd, 0, gpa, initrd.byteSize());
        return gpa;
    }

    long initrdBytes() {
        return request.modules().isEmpty() ? 0 : request.modules().get(0).file().byteSize();
    }

    /**
     * Loads each module to a page of its own.
     *
     * @param above modules follow each other from here on, as low as can be; or −1: each as high as can be
     * @return their addresses
     */
    long[] loadModules(long above) {
        long[] gpas = new long[request.modules().size()];
        for (int i = 0; i < gpas.length; i++) {
            BootFile file = request.modules().get(i).file();
            gpas[i] = above < 0 ? placement.claimHighest("a module", file.byteSize(), FOUR_GIB)
                    : placement.claimLowest("a module", file.byteSize(), above);
            if (gpas[i] < 0) {
                throw doesNotFit(file, FOUR_GIB);
            }
            read(file, 0, gpas[i], file.byteSize());
        }
        return gpas;
    }

    /** Stores the modules' command lines behind the kernel's: their addresses, 0 for an empty one. */
    long[] storeModuleCommandLines() {
        long[] gpas = new long[request.modules().size()];
        for (int i = 0; i < gpas.length; i++) {
            BootModule module = request.modules().get(i);
            if (module.commandLine().isEmpty()) {
                continue;
            }
            byte[] line = terminated(module.file().label(), "its command line", module.commandLine());
            if (line.length > COMMAND_LINE_END - nextCommandLineGpa) {
                throw new BootException(module.file().label() + ": its command line of " + (line.length - 1)
                        + " bytes and those before it are longer than 64 KiB: shorten them");
            }
            store("a module's command line", nextCommandLineGpa, line);
            gpas[i] = nextCommandLineGpa;
            nextCommandLineGpa += line.length;
        }
        return gpas;
    }

    private BootException doesNotFit(BootFile file, long limit) {
        String where = Long.compareUnsigned(limit, FOUR_GIB) < 0
                ? " below " + Placement.hex(limit) + ", where this kernel wants it," : "";
        return new BootException(file.label() + " of " + Placement.mib(file.byteSize()) + " does not fit"
                + where + " beside the kernel in " + Placement.mib(map.ramBytes())
                + " of memory: give the guest more memory (-m), or a smaller file");
    }
}
