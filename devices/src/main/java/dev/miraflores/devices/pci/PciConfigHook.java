// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

/**
 * What a device does when the guest touches a part of its configuration space.
 * <p>Thread: a vCPU thread that holds the {@link PciRoot}'s lock.
 */
public interface PciConfigHook {

    /** What an access to the range leads to elsewhere. */
    interface Access {

        /** Does it. Without the lock, since it may take as long as a device takes. */
        void perform();

        /** Once it is done, with the lock again: what a read is to find in the range is set. */
        default void finish() {
        }
    }

    /** The guest is about to read some of the range; the answer is what has to be done before, or {@code null}. */
    default Access beforeRead() {
        return null;
    }

    /** The guest has written some of the range; the answer is what is still to be done, or {@code null}. */
    default Access afterWrite() {
        return null;
    }
}
