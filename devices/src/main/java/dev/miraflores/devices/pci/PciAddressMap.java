// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import java.util.List;

/**
 * Where PCI lies in the guest's address spaces. ACPI tells the guest the same.
 *
 * @param ecamBase   the memory-mapped configuration space, {@link #ECAM_BYTES} long
 * @param memory32   windows below 4 GiB, those to allocate from first in front
 * @param memory64   a window above RAM, or {@code null} for none
 * @param io         ports for BARs
 */
public record PciAddressMap(long ecamBase, List<PciWindow> memory32, PciWindow memory64, PciWindow io) {

    /** 256 buses of 32 slots of 8 functions of 4096 bytes (PCI Express 3.0 §7.2.2). */
    public static final long ECAM_BYTES = 256L << 20;

    /** The port of CONFIG_ADDRESS (PCI 3.0 §3.2.2.3.2), four bytes, of which only the first is mapped: 0xcf9 is not PCI's. */
    public static final int CONFIG_ADDRESS_PORT = 0xcf8;

    /** The ports of CONFIG_DATA, four bytes. */
    public static final int CONFIG_DATA_PORT = 0xcfc;

    /** The usual map, with a 64-bit window at {@code start}; none if {@code byteSize} is 0. */
    public static PciAddressMap withMemory64(long start, long byteSize) {
        return new PciAddressMap(0xe000_0000L,
                List.of(new PciWindow(0xc000_0000L, 0x2000_0000L), new PciWindow(0xf000_0000L, 0x0eb0_0000L)),
                byteSize == 0 ? null : new PciWindow(start, byteSize),
                // Linux gives out no port below 0x1000 to PCI; nor do we, as those are the PC's own.
                new PciWindow(0x1000, 0xf000));
    }
}
