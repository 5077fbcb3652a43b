// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

/** Hears of what the guest does with ports. */
public interface PortListener {

    /**
     * The guest has opened the port of that id, or closed it. It can do so as often as it likes.
     * <p>Thread: the I/O thread, or a vCPU's at a reset; it must not wait.
     */
    void guestChanged(String id, boolean open);
}
