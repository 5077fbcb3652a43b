// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.Resettable;

/**
 * Configuration mechanism #1: an address latched in one port, data read and written in the next.
 * <pre>  CONFIG_ADDRESS   bit 31 enable, bits 16 to 23 bus, 11 to 15 slot, 8 to 10 function, 2 to 7 register </pre>
 * <p>Thread: any vCPU thread; the guest keeps its own from stepping on each other's address.
 * <p>Source: PCI 3.0 §3.2.2.3.2.
 */
final class PciConfigPorts implements Resettable {

    private static final int ENABLE = 1 << 31;
    // The reserved bits 24 to 30 and the low two read as zero.
    private static final int ADDRESS_BITS = 0x80ff_fffc;

    private final PciRoot root;
    private volatile int latched;

    PciConfigPorts(PciRoot root) {
        this.root = root;
    }

    @Override
    public void reset() {
        latched = 0;
    }

    /** CONFIG_ADDRESS; only accesses of four bytes are its own, others pass to whatever else is there. */
    BusDevice address() {
        return new BusDevice() {
            @Override
            public long read(long offset, int byteSize) {
                return byteSize == 4 ? latched & 0xffff_ffffL : -1L;
            }

            @Override
            public void write(long offset, int byteSize, long value) {
                if (byteSize == 4) {
                    latched = (int) value & ADDRESS_BITS;
                }
            }
        };
    }

    /** CONFIG_DATA: bytes 0 to 3 of the register that is addressed. */
    BusDevice data() {
        return new BusDevice() {
            @Override
            public long read(long offset, int byteSize) {
                int address = latched;
                if ((address & ENABLE) == 0 || offset + byteSize > 4) {
                    return -1L;
                }
                return root.configRead(busSlotFunction(address), register(address, offset), byteSize);
            }

            @Override
            public void write(long offset, int byteSize, long value) {
                int address = latched;
                if ((address & ENABLE) != 0 && offset + byteSize <= 4) {
                    root.configWrite(busSlotFunction(address), register(address, offset), byteSize, value);
                }
            }
        };
    }

    private static int busSlotFunction(int address) {
        return address >>> 8 & 0xffff;
    }

    private static int register(int address, long offset) {
        return address & 0xfc | (int) offset;
    }
}
