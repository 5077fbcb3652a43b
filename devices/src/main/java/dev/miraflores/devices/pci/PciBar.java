// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static dev.miraflores.devices.pci.PciConfigLayout.BAR_OFFSET;
import static dev.miraflores.devices.pci.PciConfigLayout.COMMAND_IO;
import static dev.miraflores.devices.pci.PciConfigLayout.COMMAND_MEMORY;

import dev.miraflores.devices.Bus;
import dev.miraflores.devices.BusDevice;

/**
 * A base address register: which registers it moves, where the guest wants them, and where they are.
 * <p>Thread: under the {@link PciRoot}'s lock.
 * <p>Source: PCI 3.0 §6.2.5.1.
 */
final class PciBar {

    /** What a BAR decodes. The value is that of its read-only low bits. */
    enum Kind {
        MEMORY32(0x0, 0xf, COMMAND_MEMORY),
        MEMORY64_PREFETCHABLE(0xc, 0xf, COMMAND_MEMORY),
        IO(0x1, 0x3, COMMAND_IO);

        final int typeBits;
        final int typeMask;
        final int decodeCommand;

        Kind(int typeBits, int typeMask, int decodeCommand) {
            this.typeBits = typeBits;
            this.typeMask = typeMask;
            this.decodeCommand = decodeCommand;
        }
    }

    final Kind kind;
    final long byteSize;
    private final PciConfigSpace config;
    private final int offset;
    private final BusDevice device;
    private final PciBarListener listener;
    private Bus.Mapping mapping;

    PciBar(PciConfigSpace config, int index, Kind kind, long byteSize, BusDevice device, PciBarListener listener) {
        if (Long.bitCount(byteSize) != 1 || byteSize <= kind.typeMask) {
            throw new IllegalArgumentException("BAR " + index + " of " + byteSize + " bytes");
        }
        this.config = config;
        this.offset = BAR_OFFSET + 4 * index;
        this.kind = kind;
        this.byteSize = byteSize;
        this.device = device;
        this.listener = listener;
        config.set(offset, 4, kind.typeBits);
        config.setWritable(offset, 4, (int) -byteSize);
        if (is64Bit()) {
            config.setWritable(offset + 4, 4, (int) (-byteSize >>> 32));
        }
    }

    int index() {
        return (offset - BAR_OFFSET) / 4;
    }

    boolean is64Bit() {
        return kind == Kind.MEMORY64_PREFETCHABLE;
    }

    /** Where the register says. */
    long address() {
        long low = config.get(offset, 4) & ~kind.typeMask & 0xffff_ffffL;
        return is64Bit() ? low | (long) config.get(offset + 4, 4) << 32 : low;
    }

    void setAddress(long address) {
        config.set(offset, 4, (int) address | kind.typeBits);
        if (is64Bit()) {
            config.set(offset + 4, 4, (int) (address >>> 32));
        }
    }

    boolean isMapped() {
        return mapping != null;
    }

    boolean isMappedAt(long address) {
        return mapping != null && mapping.start() == address;
    }

    /** Puts the registers on {@code bus}, unless something else is there. */
    void map(Bus bus, long address) {
        mapping = bus.tryMap(address, byteSize, device);
        if (mapping != null) {
            listener.mapped(address);
        }
    }

    void unmap() {
        if (mapping != null) {
            listener.unmapped();
            mapping.close();
            mapping = null;
        }
    }
}
