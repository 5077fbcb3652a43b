// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.List;

/**
 * A tap behind a NIC.
 *
 * @param ifname its interface's name, made where there is none; {@code null} for any
 * @param fds    descriptors that this process has of it, instead of a name; empty for none. The machine's from then on
 * @param bridge of which bridge it becomes a port, or {@code null}
 * @param vhost  whether the host's kernel moves the packets
 */
public record NicTap(String ifname, List<Integer> fds, String bridge, boolean vhost) {

    public NicTap {
        fds = List.copyOf(fds);
    }

    /** With these options of {@code --nic}, any tap. */
    public static NicTap any() {
        return new NicTap(null, List.of(), null, false);
    }
}
