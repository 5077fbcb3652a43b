// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.linux.Seccomp;

/**
 * Which network interfaces a machine that was made already can be given. Within the sandbox nothing is left that starts a program,
 * listens, makes a tap or connects to the network, so that what needs that has to be handed in, open.
 * <p>Thread: any.
 */
final class NicPlugRules {

    private static final String IN = " in (QMP's getfd, then fd=), or use --sandbox off";
    private static final String HAND_IN = "hand its descriptor" + IN;

    private NicPlugRules() {
    }

    /** @throws ConfigException where it cannot; the message says how it can */
    static void check(String name, NicConfig nic, boolean sharedMemory) {
        if (nic.kind() == NicConfig.Kind.VHOST_USER && !sharedMemory) {
            throw new ConfigException("nic " + name + ": vhost-user=" + nic.vhostUser()
                    + ": this machine's memory cannot be shared with another process; start it with --shared-memory");
        }
        if (Seccomp.isInForce()) {
            checkSandbox("nic " + name + " (" + nic.kind() + "): within the sandbox hv ", nic);
        }
    }

    private static void checkSandbox(String hv, NicConfig nic) {
        switch (nic.kind()) {
            case USER -> throw new ConfigException(hv + "starts no program, as passt is; start passt --fd with one end of a"
                    + " socketpair and hand the other" + IN);
            case TAP -> checkTap(hv, nic.tap(), nic.mtu());
            case SOCKET -> checkSocket(hv, nic.socket());
            // Connects, as it may where memory is shared.
            case VHOST_USER -> { }
        }
    }

    private static void checkTap(String hv, NicTap tap, int mtu) {
        if (tap.fds().isEmpty()) {
            throw new ConfigException(hv + "makes no tap; " + HAND_IN);
        }
        String wish = tap.vhost() ? "vhost=on" : tap.bridge() != null ? "bridge=" + tap.bridge() : mtu != 0 ? "mtu=" + mtu : null;
        if (wish != null) {
            throw new ConfigException(hv + "lacks the privilege that " + wish + " takes; leave it out, or use --sandbox off");
        }
    }

    private static void checkSocket(String hv, NicSocket socket) {
        if (socket.isGiven()) {
            return;
        }
        if (socket.listens()) {
            throw new ConfigException(hv + "listens at nothing new; connect= to the other side, or " + HAND_IN);
        }
        if (!socket.address().isUnix()) {
            throw new ConfigException(hv + "connects to nothing on the network; use a Unix socket, or " + HAND_IN);
        }
    }
}
