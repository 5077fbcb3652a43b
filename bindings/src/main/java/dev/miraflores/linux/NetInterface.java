// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import dev.miraflores.bindings.tun.tun_abi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * What can be asked of a network interface, and set, by its name. All calls return a result or −errno, −ENODEV where there is no
 * interface of that name.
 *
 * <p>Thread: any; the interfaces are those of the calling thread's network namespace.
 *
 * <p>Source: netdevice(7), linux/sockios.h.
 */
public final class NetInterface {
    private static final MemorySegment SOCKET = Libc.symbol("socket");

    private NetInterface() {}

    /** Its number. */
    public static int index(String name) {
        return ask(name, tun_abi.SIOCGIFINDEX);
    }

    /** The largest packet, without the Ethernet header. */
    public static int mtu(String name) {
        return ask(name, tun_abi.SIOCGIFMTU);
    }

    /** Needs CAP_NET_ADMIN, as all that sets something. */
    public static int setMtu(String name, int mtu) {
        return set(name, tun_abi.SIOCSIFMTU, mtu);
    }

    /** Whether it is up: 1 if so, 0 if not. */
    public static int isUp(String name) {
        int flags = ask(name, tun_abi.SIOCGIFFLAGS);
        return flags < 0 ? flags : flags & tun_abi.IFF_UP;
    }

    /** Brings it up. */
    public static int setUp(String name) {
        int flags = ask(name, tun_abi.SIOCGIFFLAGS);
        // A short, of which the upper half of the int is not looked at.
        return flags < 0 ? flags : set(name, tun_abi.SIOCSIFFLAGS, flags & 0xFFFF | tun_abi.IFF_UP);
    }

    /**
     * Puts an interface into a bridge. −EOPNOTSUPP where that is no bridge, −EBUSY where the interface is in one already, −ENODEV where
     * either is missing.
     */
    public static int addToBridge(String bridge, String name) {
        int index = index(name);
        return index < 0 ? index : set(bridge, tun_abi.SIOCBRADDIF, index);
    }

    private static int ask(String name, int request) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment structure = request(arena, name);
            int rc = call(request, structure);
            if (rc < 0) {
                return rc;
            }
            int value = structure.get(ValueLayout.JAVA_INT, tun_abi.ifreq.ifr_ifru);
            return request == tun_abi.SIOCGIFFLAGS ? value & 0xFFFF : value;
        }
    }

    private static int set(String name, int request, int value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment structure = request(arena, name);
            structure.set(ValueLayout.JAVA_INT, tun_abi.ifreq.ifr_ifru, value);
            return call(request, structure);
        }
    }

    /** Any socket will do, of a family that each kernel has. */
    private static int call(int request, MemorySegment structure) {
        int number = Libc.callInt(SOCKET, libc_h.AF_UNIX, libc_h.SOCK_DGRAM | libc_h.SOCK_CLOEXEC, 0);
        if (number < 0) {
            return number;
        }
        try (Fd socket = Fd.adopt(number)) {
            return Ioctl.call(socket.number(), request, structure);
        }
    }

    /** {@code struct ifreq} for an interface. */
    static MemorySegment request(Arena arena, String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > Tun.MAX_NAME_BYTES) {
            throw new IllegalArgumentException("interface name '" + name + "' has " + bytes.length + " bytes: at most "
                    + Tun.MAX_NAME_BYTES + " are possible");
        }
        MemorySegment request = arena.allocate(tun_abi.ifreq.sizeof, Long.BYTES);
        MemorySegment.copy(bytes, 0, request, ValueLayout.JAVA_BYTE, tun_abi.ifreq.ifr_ifrn, bytes.length);
        return request;
    }
}
