// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.tap;

import static dev.miraflores.devices.net.NetFeatures.*;

import dev.miraflores.devices.net.NetBackend;
import dev.miraflores.devices.net.NetPort;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Tun;
import java.util.ArrayList;
import java.util.List;

/**
 * A tap, of which each queue serves a pair of the NIC's. Made by {@link TapSetup}.
 * <p>Thread: as {@link NetBackend} says.
 * <p>Lifetime: until {@link #close}, with which an interface ends that nobody made to stay.
 */
public final class TapBackend implements NetBackend {

    private static final int SEGMENTATION = Tun.F_CSUM | Tun.F_TSO4 | Tun.F_TSO6 | Tun.F_TSO_ECN;
    private static final int UDP_SEGMENTATION = SEGMENTATION | Tun.F_USO4 | Tun.F_USO6;

    private static final long TCP = CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | GUEST_ECN;
    private static final long UDP = HOST_USO | GUEST_USO4 | GUEST_USO6;

    private final String interfaceName;
    private final List<TapPort> ports = new ArrayList<>();
    private final long offloads;
    private final int mtu;
    private int activePairs;

    /**
     * Takes the queues over.
     *
     * @param mtu 0 where it does not matter
     */
    TapBackend(String interfaceName, List<Fd> queues, int mtu) {
        this.interfaceName = interfaceName;
        this.mtu = mtu;
        for (Fd queue : queues) {
            ports.add(new TapPort(queue));
        }
        activePairs = ports.size();
        offloads = probe();
    }

    /** What the kernel's tap knows, which it says only when it is asked for it. Afterwards none is on. */
    private long probe() {
        long known = 0;
        if (Tun.setOffloads(descriptor(), UDP_SEGMENTATION) == 0) {
            known = TCP | UDP;
        } else if (Tun.setOffloads(descriptor(), SEGMENTATION) == 0) {
            known = TCP;
        }
        Tun.setOffloads(descriptor(), 0);
        return known;
    }

    private int descriptor() {
        return ports.getFirst().descriptor();
    }

    /** The interface's name on the host. */
    public String interfaceName() {
        return interfaceName;
    }

    @Override
    public String description() {
        return "tap,ifname=" + interfaceName;
    }

    @Override
    public int maxQueuePairs() {
        return ports.size();
    }

    @Override
    public NetPort port(int pair) {
        return ports.get(pair);
    }

    @Override
    public long offloads() {
        return offloads;
    }

    @Override
    public int setOffloads(long guestOffloads) {
        return Tun.setOffloads(descriptor(), tunOffloads(guestOffloads));
    }

    /** TUN_F_… for what a guest takes. Segments without checksums are nothing that the kernel does: then it gets none. */
    static int tunOffloads(long guestOffloads) {
        if ((guestOffloads & GUEST_CSUM) == 0) {
            return 0;
        }
        int flags = Tun.F_CSUM;
        flags |= (guestOffloads & GUEST_TSO4) != 0 ? Tun.F_TSO4 : 0;
        flags |= (guestOffloads & GUEST_TSO6) != 0 ? Tun.F_TSO6 : 0;
        // Only together with one of those two does it mean something.
        boolean tcp = (flags & (Tun.F_TSO4 | Tun.F_TSO6)) != 0;
        flags |= tcp && (guestOffloads & GUEST_ECN) != 0 ? Tun.F_TSO_ECN : 0;
        // The kernel takes both or neither.
        long uso = GUEST_USO4 | GUEST_USO6;
        return (guestOffloads & uso) == uso ? flags | Tun.F_USO4 | Tun.F_USO6 : flags;
    }

    @Override
    public int setActivePairs(int pairs) {
        if (pairs < 1 || pairs > ports.size()) {
            return -Errno.EINVAL;
        }
        while (activePairs > pairs) {
            int rc = Tun.setQueue(ports.get(activePairs - 1).descriptor(), false);
            if (rc < 0) {
                return rc;
            }
            activePairs--;
        }
        while (activePairs < pairs) {
            int rc = Tun.setQueue(ports.get(activePairs).descriptor(), true);
            if (rc < 0) {
                return rc;
            }
            activePairs++;
        }
        return 0;
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public void close() {
        for (TapPort port : ports) {
            port.close();
        }
    }
}
