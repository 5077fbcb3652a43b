// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.user;

/**
 * A port of the host that leads to one of the guest's.
 *
 * @param udp         else TCP
 * @param hostAddress where the host listens; empty for all of its addresses
 */
public record PortForward(boolean udp, String hostAddress, int hostPort, int guestPort) {

    /** As passt has it: {@code 127.0.0.1/2222:22}. */
    String specification() {
        return (hostAddress.isEmpty() ? "" : hostAddress + "/") + hostPort + ":" + guestPort;
    }

    /** As QEMU has it: {@code tcp:127.0.0.1:2222-:22}. */
    @Override
    public String toString() {
        String host = hostAddress.indexOf(':') < 0 ? hostAddress : "[" + hostAddress + "]";
        return (udp ? "udp:" : "tcp:") + host + ":" + hostPort + "-:" + guestPort;
    }
}
