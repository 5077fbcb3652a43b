// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.user;

import java.util.ArrayList;
import java.util.List;

/**
 * The network that a guest sees through passt. Unless it is told otherwise it is QEMU's: the guest is 10.0.2.15, the host
 * 10.0.2.2. Who answers for names are the host's own resolvers, which DHCP tells of: passt can put one address in the place of the first,
 * 10.0.2.3 as QEMU does, but answers then come from there whomever the guest asked, and DHCP goes on telling of the others.
 *
 * @param address      of the guest, by DHCP
 * @param prefixLength of its network
 * @param host         the router, and what the guest reaches the host's own services at
 * @param ipv4         whether there is IPv4
 * @param ipv6         whether there is IPv6, where the host has it; the guest gets the host's prefix
 * @param mtu          told by DHCP; 0 for passt's own choice
 * @param forwards     ports of the host that lead to the guest
 */
public record UserNetwork(String address, int prefixLength, String host, boolean ipv4, boolean ipv6, int mtu,
        List<PortForward> forwards) {

    public static final String DEFAULT_ADDRESS = "10.0.2.15";
    public static final int DEFAULT_PREFIX_LENGTH = 24;
    public static final String DEFAULT_HOST = "10.0.2.2";

    public UserNetwork {
        forwards = List.copyOf(forwards);
    }

    /** With these ports, and the rest as QEMU has it. */
    public static UserNetwork of(List<PortForward> forwards) {
        return new UserNetwork(DEFAULT_ADDRESS, DEFAULT_PREFIX_LENGTH, DEFAULT_HOST, true, true, 0, forwards);
    }

    /** With another MTU. */
    public UserNetwork withMtu(int bytes) {
        return new UserNetwork(address, prefixLength, host, ipv4, ipv6, bytes, forwards);
    }

    /** What passt is told. All of these options are in its oldest releases, too. */
    List<String> arguments() {
        List<String> arguments = new ArrayList<>();
        if (ipv4) {
            arguments.addAll(List.of("--address", address, "--netmask", Integer.toString(prefixLength), "--gateway", host));
        }
        if (!ipv6) {
            arguments.add("--ipv4-only");
        }
        if (!ipv4) {
            arguments.add("--ipv6-only");
        }
        if (mtu != 0) {
            arguments.addAll(List.of("--mtu", Integer.toString(mtu)));
        }
        addPorts(arguments, "--tcp-ports", false);
        // Said always: else those of TCP are forwarded for UDP too.
        addPorts(arguments, "--udp-ports", true);
        return arguments;
    }

    private void addPorts(List<String> arguments, String option, boolean udp) {
        int count = 0;
        for (PortForward forward : forwards) {
            if (forward.udp() == udp) {
                arguments.add(option);
                arguments.add(forward.specification());
                count++;
            }
        }
        if (count == 0) {
            arguments.add(option);
            arguments.add("none");
        }
    }
}
