// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

/**
 * What a device does when the guest touches a part of its configuration space.
 * <p>Thread: a vCPU thread that holds the {@link PciRoot}'s lock.
 */
public interface PciConfigHook {

    /** The guest is about to read some of the range; what it reads may still be set. */
    default void beforeRead() {
    }

    /** The guest has written some of the range. */
    default void afterWrite() {
    }
}
