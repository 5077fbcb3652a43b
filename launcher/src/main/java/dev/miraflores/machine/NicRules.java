// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.linux.Tun;
import dev.miraflores.linux.UnixSocket;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;

/** What of a NIC goes together. The messages are for whoever wrote it. */
final class NicRules {

    private static final long MULTICAST = 1L << 40;
    private static final long MAX_MAC = (1L << 48) - 1;
    private static final int MIN_QUEUE_SIZE = 2;

    private NicRules() {
    }

    /** @throws ConfigException where it does not */
    static void check(NicConfig nic) {
        if (nic.id() != null && !nic.id().matches("[A-Za-z][A-Za-z0-9._-]{0,63}")) {
            throw new ConfigException("id=" + nic.id() + "; use a letter, then letters, digits, '-', '.' or '_'");
        }
        long mac = nic.mac();
        if (mac != NicConfig.NO_MAC && (mac <= 0 || mac > MAX_MAC || (mac & MULTICAST) != 0)) {
            throw new ConfigException("mac=" + NicConfig.macText(mac & MAX_MAC)
                    + " is not that of one device; leave it out, or use one with an even first byte such as 52:54:00:12:34:56");
        }
        range("queues", nic.queues(), 1, NetDeviceConfig.MAX_QUEUE_PAIRS);
        if (nic.queueSize() < MIN_QUEUE_SIZE || nic.queueSize() > NetDeviceConfig.MAX_QUEUE_SIZE
                || Integer.bitCount(nic.queueSize()) != 1) {
            throw new ConfigException("queue-size=" + nic.queueSize() + "; use a power of two from " + MIN_QUEUE_SIZE + " to "
                    + NetDeviceConfig.MAX_QUEUE_SIZE);
        }
        range("iothreads", nic.ioThreads(), 1, nic.queues());
        if (nic.mtu() != 0) {
            range("mtu", nic.mtu(), NetDeviceConfig.MIN_MTU, NetDeviceConfig.MAX_MTU);
        }
        if (nic.pollMaxNs() > DriveConfig.MAX_POLL_NS || nic.pollMaxNs() < DriveConfig.USUAL_POLL) {
            throw new ConfigException("poll-max-ns=" + nic.pollMaxNs() + "; use 0 (no polling) to " + DriveConfig.MAX_POLL_NS + " ns");
        }
        if (nic.rss() && nic.ioThreads() != 1) {
            throw new ConfigException("rss=on needs iothreads=1: a packet may go to any queue; leave iothreads out");
        }
        switch (nic.kind()) {
            case USER, SOCKET -> checkOneQueue(nic);
            case TAP -> checkTap(nic);
            case VHOST_USER -> checkServedByOthers(nic, "vhost-user=");
        }
        if (nic.kind() == NicConfig.Kind.SOCKET && nic.socket() != null && nic.socket().isGiven()) {
            checkDescriptor(nic.socket().fd());
        }
        if (nic.kind() == NicConfig.Kind.SOCKET && nic.socket() == null) {
            throw new ConfigException("a socket needs one of listen=, connect= and fd=, such as connect=unix:/tmp/net");
        }
        if (nic.kind() == NicConfig.Kind.VHOST_USER && (nic.vhostUser() == null || nic.vhostUser().isEmpty())) {
            throw new ConfigException("vhost-user= needs the path of a socket");
        }
        if (nic.kind() == NicConfig.Kind.VHOST_USER && !UnixSocket.isPath(nic.vhostUser())) {
            throw new ConfigException("vhost-user=" + nic.vhostUser() + ": a socket's path has 1 to " + UnixSocket.MAX_PATH_BYTES
                    + " bytes; use another");
        }
    }

    private static void checkOneQueue(NicConfig nic) {
        if (nic.queues() != 1) {
            throw new ConfigException("queues=" + nic.queues() + ": " + nic.kind() + " has one queue pair; leave it out, or use tap");
        }
    }

    private static void checkTap(NicConfig nic) {
        NicTap tap = nic.tap();
        if (tap.vhost()) {
            checkServedByOthers(nic, "vhost=on");
        }
        if (tap.ifname() != null && !tap.fds().isEmpty()) {
            throw new ConfigException("ifname= and fd= both say which tap; leave one out");
        }
        checkInterface("ifname", tap.ifname());
        checkInterface("bridge", tap.bridge());
        if (!tap.fds().isEmpty() && nic.queues() != 1 && nic.queues() != tap.fds().size()) {
            throw new ConfigException("queues=" + nic.queues() + " and " + tap.fds().size() + " descriptors; leave queues out");
        }
        tap.fds().forEach(NicRules::checkDescriptor);
        if (new HashSet<>(tap.fds()).size() != tap.fds().size()) {
            throw new ConfigException("fds= has a descriptor twice; each is one queue");
        }
    }

    private static void checkDescriptor(int fd) {
        if (fd <= 2) {
            throw new ConfigException("fd=" + fd + " is hv's own input or output; use one from 3 on");
        }
    }

    /** What only this process does with packets. */
    private static void checkServedByOthers(NicConfig nic, String how) {
        String ours = nic.rss() ? "rss=on" : nic.hash() ? "hash=on" : nic.inOrder() ? "in-order=on"
                : nic.ioThreads() != 1 ? "iothreads=" + nic.ioThreads() : null;
        if (ours != null) {
            throw new ConfigException(ours + " is for packets that hv moves itself, and " + how + " has another move them; leave one out");
        }
    }

    private static void checkInterface(String key, String name) {
        if (name == null) {
            return;
        }
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        // dev_valid_name() in the kernel's net/core/dev.c.
        boolean valid = bytes > 0 && bytes <= Tun.MAX_NAME_BYTES && !name.equals(".") && !name.equals("..");
        for (int i = 0; i < name.length() && valid; i++) {
            char c = name.charAt(i);
            valid = c > ' ' && c != '/' && c != ':' && c != 0x7F && c != '%';
        }
        if (!valid) {
            throw new ConfigException(key + "=" + name + " is not a name of an interface; use 1 to " + Tun.MAX_NAME_BYTES
                    + " letters and digits");
        }
    }

    private static void range(String key, int value, int least, int most) {
        if (value < least || value > most) {
            throw new ConfigException(key + "=" + value + "; use " + least + " to " + most);
        }
    }
}
