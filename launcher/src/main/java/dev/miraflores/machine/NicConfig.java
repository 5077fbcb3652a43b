// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.stream.StreamAddress;
import dev.miraflores.devices.net.user.PortForward;
import dev.miraflores.devices.net.user.UserNetwork;
import java.util.List;
import java.util.Map;

/**
 * A NIC: what is behind it on the host, and how the guest reaches it as a virtio-net device. Made by {@link #ofUser}, {@link #ofTap},
 * {@link #ofListener}, {@link #ofConnection} or {@link #parse}; the words and usual values are those of {@code --nic}.
 * <p>Thread: any; it never changes.
 */
public final class NicConfig {

    /** QEMU's first; each further NIC has one more. */
    public static final long FIRST_MAC = 0x5254_0012_3456L;
    /** The machine gives it one. */
    static final long NO_MAC = -1;

    /** What is behind a NIC. */
    public enum Kind {
        /** passt: connections made by the host's sockets, for no privilege. */
        USER,
        /** An interface of the host's. */
        TAP,
        /** Another process, over a stream socket. */
        SOCKET,
        /** Another process, which moves the packets by itself. */
        VHOST_USER;

        /** The word of {@code --nic}. */
        @Override
        public String toString() {
            return switch (this) {
                case USER -> "user";
                case TAP -> "tap";
                case SOCKET -> "socket";
                case VHOST_USER -> "vhost-user";
            };
        }
    }

    /** Frozen: nobody else has it. */
    private final NicBuilder values;

    NicConfig(NicBuilder values) {
        this.values = values;
        NicRules.check(this);
    }

    /** A NIC that needs no privilege, and through which the host's ports lead to the guest. */
    public static NicConfig ofUser(PortForward... forwards) {
        return builder(Kind.USER).user(UserNetwork.of(List.of(forwards))).build();
    }

    /** A NIC on an interface of the host's, which is made where there is none of that name. */
    public static NicConfig ofTap(String ifname) {
        return builder(Kind.TAP).tap(new NicTap(ifname, List.of(), null, false)).build();
    }

    /** A NIC whose packets go to whoever connects to a socket of ours. */
    public static NicConfig ofListener(StreamAddress address) {
        return builder(Kind.SOCKET).socket(new NicSocket(true, address, 0)).build();
    }

    /** A NIC whose packets go to whoever listens. */
    public static NicConfig ofConnection(StreamAddress address, int reconnectMs) {
        return builder(Kind.SOCKET).socket(new NicSocket(false, address, reconnectMs)).build();
    }

    /** Starts from QEMU's usual values. */
    public static NicBuilder builder(Kind kind) {
        return new NicBuilder(kind);
    }

    /**
     * A NIC in the words of QEMU's {@code -nic}: {@code user,hostfwd=tcp:127.0.0.1:2222-:22}.
     *
     * @return {@code null} for {@code none}
     * @throws ConfigException when the text says something that is unknown, wrong, or not built
     */
    public static NicConfig parse(String text) {
        return NicOptions.parse(text);
    }

    /**
     * A NIC of words of {@code --nic} that came in another way.
     *
     * @param given where they came from, for messages
     */
    public static NicConfig of(String given, Kind kind, List<Map.Entry<String, String>> words) {
        return NicOptions.of(given, kind, words);
    }

    /** All of this, to be changed. */
    public NicBuilder toBuilder() {
        return values.copy();
    }

    public Kind kind() {
        return values.kind;
    }

    /** Its name within the machine, or null for one that the machine makes up. */
    public String id() {
        return values.id;
    }

    /** Its address, the first byte in the highest of the low 48 bits; −1 where the machine gives it one. */
    public long mac() {
        return values.mac;
    }

    /** Queue pairs; the guest uses one until it is told to use more ({@code ethtool -L}). */
    public int queues() {
        return values.queues;
    }

    /** Entries of each queue. */
    public int queueSize() {
        return values.queueSize;
    }

    /** I/O threads that share the queue pairs. */
    public int ioThreads() {
        return values.ioThreads;
    }

    /** How long its threads look for work before they sleep, at the most; −1 for the usual. */
    public long pollMaxNs() {
        return values.pollMaxNs;
    }

    /** The largest packet, without the Ethernet header, that the guest is told of; 0 where it is told nothing. */
    public int mtu() {
        return values.mtu;
    }

    public boolean packed() {
        return values.packed;
    }

    public boolean inOrder() {
        return values.inOrder;
    }

    /** Whether a packet may be received into several buffers. */
    public boolean mergeable() {
        return values.mergeable;
    }

    /** Whether the guest may have packets steered by their hash. */
    public boolean rss() {
        return values.rss;
    }

    /** Whether the guest may be told packets' hashes. */
    public boolean hash() {
        return values.hash;
    }

    /** With {@link Kind#USER}, else {@code null}. It tells the guest of {@link #mtu} too: one may listen to DHCP alone. */
    public UserNetwork user() {
        return values.user == null || values.mtu == 0 ? values.user : values.user.withMtu(values.mtu);
    }

    /** With {@link Kind#TAP}, else {@code null}. */
    public NicTap tap() {
        return values.tap;
    }

    /** With {@link Kind#SOCKET}, else {@code null}. */
    public NicSocket socket() {
        return values.socket;
    }

    /** With {@link Kind#VHOST_USER} the socket's path, else {@code null}. */
    public String vhostUser() {
        return values.vhostUser;
    }

    /** Descriptors that are the machine's once it opens this. */
    public List<Integer> descriptors() {
        return tap() != null ? tap().fds() : socket() != null && socket().isGiven() ? List.of(socket().fd()) : List.of();
    }

    /** How the device is made; the id and the address are there by then. */
    NetDeviceConfig device() {
        IoThreadOptions usual = IoThreadOptions.DEFAULTS;
        return NetDeviceConfig.of(id(), mac())
                .withQueues(queues(), queueSize())
                .withThreads(ioThreads(), pollMaxNs() < 0 ? usual
                        : new IoThreadOptions(pollMaxNs(), usual.pollGrow(), usual.pollShrink()))
                .withMtu(mtu())
                .withRing(packed(), inOrder(), mergeable())
                .withHash(rss(), hash());
    }

    /** {@code 52:54:00:12:34:56}. */
    public static String macText(long mac) {
        StringBuilder text = new StringBuilder();
        for (int shift = 40; shift >= 0; shift -= 8) {
            text.append(Character.forDigit((int) (mac >> shift + 4) & 0xF, 16))
                    .append(Character.forDigit((int) (mac >> shift) & 0xF, 16));
            if (shift != 0) {
                text.append(':');
            }
        }
        return text.toString();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof NicConfig nic && toString().equals(nic.toString());
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        return NicText.of(this);
    }
}
