// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

/**
 * Hears which slots the guest has let go of.
 * <p>Thread: the vCPU thread whose write it was, without a lock; it must not be made to wait for I/O.
 */
public interface PciEjectListener {

    /** The guest is done with what is in {@code slot}; called at most once for each time that something was put in. */
    void ejected(int slot);

    /** The guest is done with what was taken from {@code slot} by force. */
    void acknowledged(int slot);
}
