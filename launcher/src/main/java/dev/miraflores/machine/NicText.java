// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.user.PortForward;
import dev.miraflores.devices.net.user.UserNetwork;

/** Writes a NIC as {@code --nic} reads it: what is not as usual. Thread: one. */
final class NicText {

    private final StringBuilder text = new StringBuilder();

    private NicText() {
    }

    static String of(NicConfig nic) {
        NicText writer = new NicText();
        writer.write(nic);
        return writer.text.toString();
    }

    private void write(NicConfig nic) {
        switch (nic.kind()) {
            case USER -> writeUser(nic.user());
            case TAP -> writeTap(nic.tap());
            case SOCKET -> writeSocket(nic.socket());
            case VHOST_USER -> text.append("vhost-user=").append(nic.vhostUser().replace(",", ",,"));
        }
        add("id", nic.id());
        add("mac", nic.mac() == NicConfig.NO_MAC ? null : NicConfig.macText(nic.mac()));
        if (nic.queues() != (nic.tap() == null ? 1 : Math.max(1, nic.tap().fds().size()))) {
            add("queues", nic.queues());
        }
        if (nic.queueSize() != NetDeviceConfig.DEFAULT_QUEUE_SIZE) {
            add("queue-size", nic.queueSize());
        }
        if (nic.ioThreads() != 1) {
            add("iothreads", nic.ioThreads());
        }
        if (nic.pollMaxNs() != DriveConfig.USUAL_POLL) {
            add("poll-max-ns", nic.pollMaxNs());
        }
        if (nic.mtu() != 0) {
            add("mtu", nic.mtu());
        }
        flag("packed", nic.packed(), true);
        flag("in-order", nic.inOrder(), false);
        flag("mrg_rxbuf", nic.mergeable(), true);
        flag("rss", nic.rss(), false);
        flag("hash", nic.hash(), false);
    }

    private void writeUser(UserNetwork user) {
        text.append("user");
        if (!user.address().equals(UserNetwork.DEFAULT_ADDRESS) || user.prefixLength() != UserNetwork.DEFAULT_PREFIX_LENGTH
                || !user.host().equals(UserNetwork.DEFAULT_HOST)) {
            add("net", user.address() + "/" + user.prefixLength());
            add("dhcpstart", user.address());
            add("host", user.host());
        }
        flag("ipv4", user.ipv4(), true);
        flag("ipv6", user.ipv6(), true);
        for (PortForward forward : user.forwards()) {
            add("hostfwd", forward);
        }
    }

    private void writeTap(NicTap tap) {
        text.append("tap");
        add("ifname", tap.ifname());
        for (int fd : tap.fds()) {
            add("fd", fd);
        }
        add("bridge", tap.bridge());
        flag("vhost", tap.vhost(), false);
    }

    private void writeSocket(NicSocket socket) {
        text.append("socket");
        if (socket.isGiven()) {
            add("fd", socket.fd());
            return;
        }
        add(socket.listens() ? "listen" : "connect", socket.address());
        if (socket.reconnectMs() != 0) {
            add("reconnect-ms", socket.reconnectMs());
        }
    }

    private void flag(String key, boolean value, boolean usual) {
        if (value != usual) {
            add(key, value ? "on" : "off");
        }
    }

    private void add(String key, Object value) {
        if (value != null) {
            text.append(',').append(key).append('=').append(value.toString().replace(",", ",,"));
        }
    }
}
