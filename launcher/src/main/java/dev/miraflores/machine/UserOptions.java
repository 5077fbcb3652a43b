// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.user.PortForward;
import dev.miraflores.devices.net.user.UserNetwork;
import java.util.ArrayList;
import java.util.List;

/**
 * The keys of {@code --nic user}, with QEMU's meaning: {@code hostfwd=[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT}.
 * <p>Thread: one.
 */
final class UserOptions {

    static final List<String> KEYS = List.of("hostfwd", "net", "host", "dhcpstart", "ipv4", "ipv6");

    private static final int IPV4_BITS = 32;
    private static final int MOST_PREFIX_BITS = 30;
    // Within the network: QEMU's 10.0.2.2, 10.0.2.15.
    private static final int HOST = 2;
    private static final int GUEST = 15;

    private final List<PortForward> forwards = new ArrayList<>();
    /** What a forward said of the guest's address, or {@code null}; known once all keys are. */
    private final List<String> guests = new ArrayList<>();
    private String net;
    private String host;
    private String dhcpStart;
    private boolean ipv4 = true;
    private boolean ipv6 = true;

    /** Answers whether there is such a key. */
    boolean set(String key, String value) {
        switch (key) {
            case "hostfwd" -> addForward(value);
            case "net" -> net = value;
            case "host" -> host = address(key, value);
            case "dhcpstart" -> dhcpStart = address(key, value);
            case "ipv4" -> ipv4 = onOff(key, value);
            case "ipv6" -> ipv6 = onOff(key, value);
            default -> {
                return false;
            }
        }
        return true;
    }

    /** @throws ConfigException where the keys do not go together */
    UserNetwork network() {
        if (!ipv4 && !ipv6) {
            throw new ConfigException("ipv4=off and ipv6=off leave nothing; use --nic none");
        }
        long base = number(UserNetwork.DEFAULT_HOST) - HOST;
        int bits = UserNetwork.DEFAULT_PREFIX_LENGTH;
        if (net != null) {
            int slash = net.indexOf('/');
            base = slash < 0 ? -1 : number(net.substring(0, slash));
            long given = slash < 0 ? -1 : Quantity.parse(net.substring(slash + 1));
            if (base < 0 || given < 1 || given > MOST_PREFIX_BITS) {
                throw new ConfigException("net=" + net + "; write ADDRESS/BITS, such as 10.0.2.0/24");
            }
            bits = (int) given;
            base &= -1L << IPV4_BITS - bits;
        }
        long last = base | (1L << IPV4_BITS - bits) - 1;
        String guest = dhcpStart != null ? dhcpStart : text(Math.min(base + GUEST, last - 1));
        String router = host != null ? host : text(base + HOST);
        for (String own : List.of(guest, router)) {
            if (number(own) <= base || number(own) >= last) {
                throw new ConfigException(own + " is not in the network " + text(base) + "/" + bits + "; use another, or net=");
            }
        }
        if (guest.equals(router)) {
            throw new ConfigException("guest and host both are " + guest + "; give one another with dhcpstart= or host=");
        }
        for (String named : guests) {
            if (!named.isEmpty() && !named.equals(guest)) {
                throw new ConfigException("hostfwd= to " + named + ": all ports lead to the guest, which is " + guest
                        + "; leave the address out");
            }
        }
        return new UserNetwork(guest, bits, router, ipv4, ipv6, 0, forwards);
    }

    private void addForward(String text) {
        int dash = text.lastIndexOf('-');
        int protocol = text.indexOf(':');
        int hostColon = dash < 0 ? -1 : text.lastIndexOf(':', dash);
        int guestColon = text.lastIndexOf(':');
        if (dash < 0 || protocol < 0 || hostColon <= protocol || guestColon < dash) {
            throw wrongForward(text);
        }
        boolean udp = switch (text.substring(0, protocol)) {
            case "", "tcp" -> false;
            case "udp" -> true;
            default -> throw wrongForward(text);
        };
        String listen = NicAddress.host(text.substring(protocol + 1, hostColon));
        String guest = text.substring(dash + 1, guestColon);
        int hostPort = NicAddress.port(text.substring(hostColon + 1, dash));
        int guestPort = NicAddress.port(text.substring(guestColon + 1));
        boolean numeric = listen != null && (listen.isEmpty() || listen.indexOf(':') >= 0 || number(listen) >= 0);
        if (hostPort < 1 || guestPort < 1 || !numeric || !guest.isEmpty() && number(guest) < 0) {
            throw wrongForward(text);
        }
        forwards.add(new PortForward(udp, listen, hostPort, guestPort));
        guests.add(guest);
    }

    private static ConfigException wrongForward(String text) {
        return new ConfigException("hostfwd=" + text + "; write tcp:[HOSTADDRESS]:HOSTPORT-:GUESTPORT, or udp:…, such as"
                + " tcp:127.0.0.1:2222-:22");
    }

    private static String address(String key, String value) {
        if (number(value) < 0) {
            throw new ConfigException(key + "=" + value + ": not an IPv4 address; write four numbers, such as 10.0.2.15");
        }
        return value;
    }

    /** Of an IPv4 address, or −1. */
    private static long number(String text) {
        String[] parts = text.split("\\.", -1);
        long number = 0;
        for (String part : parts) {
            long value = part.length() > 3 ? -1 : Quantity.parse(part);
            if (value < 0 || value > 255) {
                return -1;
            }
            number = number << 8 | value;
        }
        return parts.length == 4 ? number : -1;
    }

    private static String text(long number) {
        return (number >> 24 & 255) + "." + (number >> 16 & 255) + "." + (number >> 8 & 255) + "." + (number & 255);
    }

    static boolean onOff(String key, String value) {
        return switch (value) {
            case "on", "yes", "true", "y" -> true;
            case "off", "no", "false", "n" -> false;
            default -> throw new ConfigException(key + "=" + value + "; use on or off");
        };
    }
}
