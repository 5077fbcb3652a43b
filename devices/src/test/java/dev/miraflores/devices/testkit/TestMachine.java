// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.devices.Bus;
import dev.miraflores.devices.pci.PciAddressMap;
import dev.miraflores.devices.pci.PciRoot;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.MemoryBacking;

/** What is around a device, as the guest's side of it sees it: buses, wires, messages, doorbells and some RAM. */
public final class TestMachine implements AutoCloseable {

    public static final long RAM_BYTES = 1 << 20;
    public static final long MEMORY64_START = 0x10_0000_0000L;
    public static final long MEMORY64_BYTES = 0x10_0000_0000L;

    public final Bus ports = new Bus();
    public final Bus memory = new Bus();
    public final FakeMsiController msis = new FakeMsiController();
    public final FakeDoorbells doorbells = new FakeDoorbells();
    public final FakeInterruptLine[] gsis = new FakeInterruptLine[24];
    public final PciAddressMap map = PciAddressMap.withMemory64(MEMORY64_START, MEMORY64_BYTES);
    public final PciRoot pci;
    /** What its RAM lies in; to be said before it is asked for. */
    public MemoryBacking backing = MemoryBacking.ANONYMOUS;
    private GuestMemory ram;

    public TestMachine() {
        for (int i = 0; i < gsis.length; i++) {
            gsis[i] = new FakeInterruptLine();
        }
        pci = new PciRoot(ports, memory, map, gsi -> gsis[gsi]);
    }

    /** RAM from address 0 on, made when it is first asked for. */
    public GuestMemory ram() {
        if (ram == null) {
            ram = GuestMemory.create(RAM_BYTES, backing);
        }
        return ram;
    }

    /** A guest's read of memory that is not RAM. */
    public long read(long gpa, int byteSize) {
        return memory.read(gpa, byteSize) & mask(byteSize);
    }

    /** A guest's write to memory that is not RAM. */
    public void write(long gpa, int byteSize, long value) {
        if (!doorbells.ring(gpa, byteSize, value & mask(byteSize))) {
            memory.write(gpa, byteSize, value & mask(byteSize));
        }
    }

    public long in(int port, int byteSize) {
        return ports.read(port, byteSize) & mask(byteSize);
    }

    public void out(int port, int byteSize, long value) {
        ports.write(port, byteSize, value & mask(byteSize));
    }

    /** Reads configuration space of function 0 in a slot of bus 0, by ECAM. */
    public long configRead(int slot, int register, int byteSize) {
        return read(map.ecamBase() + ((long) slot << 15) + register, byteSize);
    }

    /** Writes configuration space of function 0 in a slot of bus 0, by ECAM. */
    public void configWrite(int slot, int register, int byteSize, long value) {
        write(map.ecamBase() + ((long) slot << 15) + register, byteSize, value);
    }

    /** Where a memory BAR lies, by what its registers say. */
    public long barAddress(int slot, int bar) {
        long low = configRead(slot, 0x10 + 4 * bar, 4);
        return (low & 0x6) == 0x4 ? low & ~0xfL | configRead(slot, 0x14 + 4 * bar, 4) << 32 : low & ~0xfL;
    }

    /** The offset of the first capability with this id after {@code from}, or 0; {@code from} 0 starts at the front. */
    public int findCapability(int slot, int id, int from) {
        int at = (int) configRead(slot, from == 0 ? 0x34 : from + 1, 1);
        for (int hops = 0; at != 0 && hops < 48; hops++) {
            if (configRead(slot, at, 1) == id) {
                return at;
            }
            at = (int) configRead(slot, at + 1, 1);
        }
        return 0;
    }

    public static long mask(int byteSize) {
        return -1L >>> 64 - 8 * byteSize;
    }

    @Override
    public void close() {
        pci.close();
        if (ram != null) {
            ram.close();
        }
    }
}
