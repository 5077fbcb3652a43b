// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

/**
 * Hears where the registers of a BAR are.
 * <p>Thread: one that holds the {@link PciRoot}'s lock.
 */
public interface PciBarListener {

    /** For who need not know. */
    PciBarListener NONE = new PciBarListener() {
        @Override
        public void mapped(long address) {
        }

        @Override
        public void unmapped() {
        }
    };

    /** The registers answer from {@code address} on. */
    void mapped(long address);

    /** The registers answer nowhere from now on. */
    void unmapped();
}
