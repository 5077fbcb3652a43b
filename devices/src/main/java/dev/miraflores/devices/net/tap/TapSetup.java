// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.tap;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.NetHeader;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.NetInterface;
import dev.miraflores.linux.Tun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Opens a tap, or takes over one that was opened by another, and brings it to where packets get through. No helper program: what
 * needs a privilege is done here, or the message says how to do without.
 * <p>Thread: one.
 */
public final class TapSetup {

    /** The kernel puts a number in the place of {@code %d}. */
    private static final String ANY_NAME = "tap%d";
    private static final int FLAGS = Tun.IFF_TAP | Tun.IFF_NO_PI | Tun.IFF_VNET_HDR;

    /** Of the one who asks, in front of messages. */
    private final String nic;
    private final int mtu;
    private final List<Fd> queues = new ArrayList<>();
    private boolean made;

    private TapSetup(String nic, int mtu) {
        this.nic = nic;
        this.mtu = mtu;
    }

    /**
     * A tap of that name; one that is not there is made, and ends with the back end.
     *
     * @param nic        what the NIC is called, for messages
     * @param ifname     its name, or {@code null} for any
     * @param queueCount queues of it, at least 1
     * @param bridge     of what bridge it becomes a port, or {@code null}
     * @param mtu        what its packets may have at the most; 0 for the usual
     * @throws NetException where it cannot be had; the message is one line
     */
    public static TapBackend open(String nic, String ifname, int queueCount, String bridge, int mtu) {
        TapSetup setup = new TapSetup(nic, mtu);
        return setup.guarded(() -> setup.openNamed(ifname, queueCount, bridge));
    }

    /**
     * The tap that these descriptors are queues of, which become this object's.
     *
     * @throws NetException where they are of no tap, or of more than one
     */
    public static TapBackend adopt(String nic, List<Integer> descriptors, String bridge, int mtu) {
        TapSetup setup = new TapSetup(nic, mtu);
        return setup.guarded(() -> setup.adoptQueues(descriptors, bridge));
    }

    private interface Step {
        TapBackend run();
    }

    private TapBackend guarded(Step step) {
        try {
            TapBackend tap = step.run();
            queues.clear();
            return tap;
        } finally {
            for (Fd queue : queues) {
                queue.close();
            }
        }
    }

    private TapBackend openNamed(String ifname, int queueCount, String bridge) {
        made = ifname == null || NetInterface.index(ifname) < 0;
        String name = ifname == null ? ANY_NAME : ifname;
        int flags = queueCount > 1 ? FLAGS | Tun.IFF_MULTI_QUEUE : FLAGS;
        for (int i = 0; i < queueCount; i++) {
            Fd queue = openDevice();
            queues.add(queue);
            int rc = Tun.attach(queue.number(), name, flags);
            if (rc == -Errno.EINVAL && queueCount == 1) {
                // One that was made with several queues takes nobody without this, though he wants but one.
                rc = Tun.attach(queue.number(), name, flags | Tun.IFF_MULTI_QUEUE);
            }
            if (rc < 0) {
                throw failed(attachFailure(name, -rc, queueCount));
            }
            name = Tun.name(queue.number());
        }
        return finish(name, bridge);
    }

    private Fd openDevice() {
        int number = Fd.tryOpen(Tun.DEVICE, Fd.O_RDWR | Fd.O_NONBLOCK, 0);
        if (number >= 0) {
            return Fd.adopt(number);
        }
        String why = Tun.DEVICE + ": " + Errno.name(-number) + " (" + -number + ")";
        throw failed(switch (number) {
            case -Errno.ENOENT, -Errno.ENODEV, -Errno.ENXIO ->
                why + "; this kernel has no taps, or not yet: run 'modprobe tun' as root, or use --nic user";
            case -Errno.EACCES, -Errno.EPERM ->
                why + "; run hv as a user that may open it (its usual mode is 0666), or use --nic user";
            default -> why + "; use --nic user";
        });
    }

    private String attachFailure(String name, int errno, int queueCount) {
        String why = "TUNSETIFF(" + name + "): " + Errno.name(errno) + " (" + errno + ")";
        return switch (errno) {
            case Errno.EPERM -> why + "; run hv as root or with CAP_NET_ADMIN, or have root make a tap for you once, with"
                    + " 'ip tuntap add hv0 mode tap user " + System.getProperty("user.name") + (queueCount > 1 ? " multi_queue" : "")
                    + "', and say ifname=hv0, or use --nic user";
            case Errno.EBUSY -> why + "; another program has this interface; end that, or use another ifname=";
            case Errno.EINVAL -> why + (made ? "; not a name for an interface, or of one that is no tap; use another ifname="
                    : "; this interface is no tap, or was made " + (queueCount > 1 ? "with one queue: make it with multi_queue"
                    : "without a header: leave one_queue and pi out") + ", or use another ifname=");
            case Errno.E2BIG -> why + "; the kernel's taps have fewer queues than " + queueCount + "; use a smaller queues=";
            default -> why + "; use another ifname=";
        };
    }

    private TapBackend adoptQueues(List<Integer> descriptors, String bridge) {
        // First of all, so that whichever is wrong all are closed.
        for (int number : descriptors) {
            if (FileIo.statusFlags(number) >= 0) {
                queues.add(Fd.adopt(number));
            }
        }
        String name = null;
        for (int number : descriptors) {
            String its = check(number);
            if (name != null && !its.equals(name)) {
                throw failed("fd=" + number + " is a queue of " + its + ", the one before it of " + name
                        + "; a NIC has one tap: give each its own --nic");
            }
            name = its;
        }
        return finish(name, bridge);
    }

    private String check(int number) {
        int status = FileIo.statusFlags(number);
        if (status < 0) {
            throw failed("fd=" + number + ": not open in this process; whoever starts hv has to leave it open");
        }
        int flags = Tun.flags(number);
        if (flags < 0) {
            throw failed("fd=" + number + ": not a tap's: TUNGETIFF: " + Errno.name(-flags) + " (" + -flags
                    + "); open /dev/net/tun and TUNSETIFF it first");
        }
        if ((flags & FLAGS) != FLAGS) {
            throw failed("fd=" + number + ": a tap without " + ((flags & Tun.IFF_TAP) == 0 ? "Ethernet frames (IFF_TAP)"
                    : (flags & Tun.IFF_NO_PI) == 0 ? "IFF_NO_PI" : "IFF_VNET_HDR") + "; set this in TUNSETIFF");
        }
        FileIo.setStatusFlags(number, status | Fd.O_NONBLOCK);
        FileIo.setCloseOnExec(number); // it was not, or would not have come here
        return Tun.name(number);
    }

    private TapBackend finish(String name, String bridge) {
        for (Fd queue : queues) {
            int rc = Tun.setHeaderBytes(queue.number(), NetHeader.BYTES);
            if (rc < 0) {
                throw failed("TUNSETVNETHDRSZ(" + name + "): " + Errno.name(-rc) + " (" + -rc + "); use a newer kernel");
            }
        }
        setMtu(name);
        if (bridge != null) {
            joinBridge(name, bridge);
        }
        if (made) {
            check("bring " + name + " up", NetInterface.setUp(name));
        }
        TapBackend tap = new TapBackend(name, queues, mtu);
        int rc = tap.setActivePairs(1);
        if (rc < 0) {
            throw failed("TUNSETQUEUE(" + name + "): " + Errno.name(-rc) + " (" + -rc + "); use queues=1");
        }
        return tap;
    }

    private void setMtu(String name) {
        if (mtu == 0) {
            return;
        }
        if (made) {
            check("set the MTU of " + name + " to " + mtu, NetInterface.setMtu(name, mtu));
        } else if (NetInterface.mtu(name) < mtu) {
            throw failed("mtu=" + mtu + ": " + name + " has " + NetInterface.mtu(name) + "; run 'ip link set " + name + " mtu " + mtu
                    + "' as root, or leave mtu= out");
        }
    }

    private void joinBridge(String name, String bridge) {
        int rc = NetInterface.addToBridge(bridge, name);
        if (rc == -Errno.EBUSY && bridge.equals(master(name))) {
            return;
        }
        if (rc == -Errno.ENODEV) {
            throw failed("bridge=" + bridge + ": no such interface; make it with 'ip link add " + bridge + " type bridge && ip link set "
                    + bridge + " up'");
        }
        if (rc == -Errno.EOPNOTSUPP || rc == -Errno.EINVAL) {
            throw failed("bridge=" + bridge + ": not a bridge; name one, 'ip link show type bridge' lists them");
        }
        check("put " + name + " into bridge " + bridge, rc);
    }

    private static String master(String name) {
        try {
            return Files.readSymbolicLink(Path.of("/sys/class/net", name, "master")).getFileName().toString();
        } catch (IOException e) {
            return null;
        }
    }

    private void check(String what, int rc) {
        if (rc < 0) {
            throw failed("cannot " + what + ": " + Errno.name(-rc) + " (" + -rc + ")" + (rc == -Errno.EPERM
                    ? "; run hv as root or with CAP_NET_ADMIN, or have root do it before" : "; see the kernel's log"));
        }
    }

    private NetException failed(String what) {
        return new NetException(nic + ": " + what);
    }
}
