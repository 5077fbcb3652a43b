// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.NetReport;
import dev.miraflores.devices.net.VirtioNetDevice;

/**
 * A network interface of a machine.
 * <p>Thread: any but I/O threads.
 * <p>Lifetime: that of its machine.
 */
public final class Nic {

    private final NicConfig config;
    private final VirtioNetDevice device;

    Nic(NicConfig config, VirtioNetDevice device) {
        this.config = config;
        this.device = device;
    }

    public String id() {
        return config.id();
    }

    /** How it was made, with the id and address that it has. */
    public NicConfig config() {
        return config;
    }

    /** The device as it is on the board. */
    public VirtioNetDevice device() {
        return device;
    }

    /** As it is now. */
    public NetReport report() {
        return device.report();
    }

    /** Pulls the cable, or puts it in: the guest is told, and no packet gets through meanwhile, from when this returns on. */
    public void setLinkUp(boolean up) {
        device.setLinkUp(up);
    }

    /** Asks the guest to tell the network where it is; one that cannot does nothing. Does not wait. */
    public void announce() {
        device.announce();
    }
}
