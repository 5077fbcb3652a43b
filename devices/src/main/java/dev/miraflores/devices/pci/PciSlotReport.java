// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import java.util.List;

/**
 * What is in a slot, as the guest would find it at one moment.
 *
 * @param slot     its number
 * @param identity what the function says it is
 * @param pin      its interrupt pin, 1 for INTA#, or 0
 * @param gsi      where that leads to
 * @param regions  its BARs
 */
public record PciSlotReport(int slot, PciIdentity identity, int pin, int gsi, List<Region> regions) {

    /**
     * A BAR.
     *
     * @param index    its number
     * @param io       whether it is of ports
     * @param wide     whether it has 64 bits
     * @param address  where the guest wants it; 0 for nowhere yet
     * @param byteSize how much it is
     */
    public record Region(int index, boolean io, boolean wide, long address, long byteSize) {
    }
}
