// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;

class TunTest {

    private static final int FLAGS = Tun.IFF_TAP | Tun.IFF_NO_PI | Tun.IFF_VNET_HDR | Tun.IFF_MULTI_QUEUE;

    private static Fd device() {
        int number = Fd.tryOpen(Tun.DEVICE, Fd.O_RDWR, 0);
        assumeTrue(number >= 0, "this host has no " + Tun.DEVICE + ", or not for this user");
        return Fd.adopt(number);
    }

    private static void attach(Fd queue, String name) {
        int rc = Tun.attach(queue.number(), name, FLAGS);
        assumeTrue(rc != -Errno.EPERM, "this user may make no tap");
        assertEquals(0, rc);
    }

    @Test
    void shouldMakeAnInterfaceWithTwoQueues() {
        try (Fd first = device(); Fd second = device()) {
            assertEquals(-Errno.EBADFD, Tun.flags(first.number()));
            assertNull(Tun.name(first.number()));
            assertTrue((Tun.features(first.number()) & FLAGS) == FLAGS);
            attach(first, "hvt%d");
            String name = Tun.name(first.number());
            assertTrue(name.matches("hvt[0-9]+"), name);
            attach(second, name);
            assertEquals(FLAGS, Tun.flags(second.number()) & FLAGS);
            assertEquals(0, Tun.setHeaderBytes(first.number(), 12));
            assertEquals(0, Tun.setOffloads(first.number(), Tun.F_CSUM | Tun.F_TSO4));
            assertEquals(-Errno.EINVAL, Tun.setOffloads(first.number(), 1 << 30));
            assertEquals(0, Tun.setQueue(second.number(), false));
            assertEquals(-Errno.EINVAL, Tun.setQueue(second.number(), false));
            assertEquals(0, Tun.setQueue(second.number(), true));

            assertTrue(NetInterface.index(name) > 0);
            assertEquals(1500, NetInterface.mtu(name));
            assertEquals(0, NetInterface.setMtu(name, 9000));
            assertEquals(9000, NetInterface.mtu(name));
            assertEquals(0, NetInterface.isUp(name));
            assertEquals(0, NetInterface.setUp(name));
            assertEquals(1, NetInterface.isUp(name));
            assertEquals(-Errno.ENODEV, NetInterface.addToBridge("hv-no-bridge", name));
            assertEquals(-Errno.EOPNOTSUPP, NetInterface.addToBridge("lo", name));
        }
    }

    @Test
    void shouldLeaveNothingBehind() {
        String name;
        try (Fd queue = device()) {
            attach(queue, "hvt%d");
            name = Tun.name(queue.number());
        }
        assertEquals(-Errno.ENODEV, NetInterface.index(name));
    }

    @Test
    void shouldTellWhatIsNoTap() {
        try (Fd file = Fd.open("/dev/null", Fd.O_RDWR)) {
            assertEquals(-Errno.ENOTTY, Tun.flags(file.number()));
        }
    }

    @Test
    void shouldRefuseANameThatIsTooLong() {
        assertThrows(IllegalArgumentException.class, () -> NetInterface.index("sixteen-letters."));
    }
}
