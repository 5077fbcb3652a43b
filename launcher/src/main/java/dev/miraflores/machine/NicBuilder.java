// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.user.UserNetwork;
import java.util.List;

/** Collects what a {@link NicConfig} says. Thread: one. */
public final class NicBuilder {

    final NicConfig.Kind kind;
    String id;
    long mac = NicConfig.NO_MAC;
    int queues = 1;
    int queueSize = NetDeviceConfig.DEFAULT_QUEUE_SIZE;
    int ioThreads = 1;
    long pollMaxNs = DriveConfig.USUAL_POLL;
    int mtu;
    boolean packed = true;
    boolean inOrder;
    boolean mergeable = true;
    boolean rss;
    boolean hash;
    UserNetwork user;
    NicTap tap;
    NicSocket socket;
    String vhostUser;

    NicBuilder(NicConfig.Kind kind) {
        this.kind = kind;
        user = kind == NicConfig.Kind.USER ? UserNetwork.of(List.of()) : null;
        tap = kind == NicConfig.Kind.TAP ? NicTap.any() : null;
    }

    NicBuilder copy() {
        NicBuilder copy = new NicBuilder(kind);
        copy.id = id;
        copy.mac = mac;
        copy.queues = queues;
        copy.queueSize = queueSize;
        copy.ioThreads = ioThreads;
        copy.pollMaxNs = pollMaxNs;
        copy.mtu = mtu;
        copy.packed = packed;
        copy.inOrder = inOrder;
        copy.mergeable = mergeable;
        copy.rss = rss;
        copy.hash = hash;
        copy.user = user;
        copy.tap = tap;
        copy.socket = socket;
        copy.vhostUser = vhostUser;
        return copy;
    }

    public NicBuilder id(String name) {
        id = name;
        return this;
    }

    /** The first byte in the highest of the low 48 bits. */
    public NicBuilder mac(long address) {
        mac = address;
        return this;
    }

    public NicBuilder queues(int pairs) {
        queues = pairs;
        return this;
    }

    public NicBuilder queueSize(int entries) {
        queueSize = entries;
        return this;
    }

    public NicBuilder ioThreads(int count) {
        ioThreads = count;
        return this;
    }

    public NicBuilder pollMaxNs(long ns) {
        pollMaxNs = ns;
        return this;
    }

    public NicBuilder mtu(int bytes) {
        mtu = bytes;
        return this;
    }

    public NicBuilder packed(boolean offered) {
        packed = offered;
        return this;
    }

    public NicBuilder inOrder(boolean offered) {
        inOrder = offered;
        return this;
    }

    public NicBuilder mergeable(boolean offered) {
        mergeable = offered;
        return this;
    }

    public NicBuilder rss(boolean offered) {
        rss = offered;
        return this;
    }

    public NicBuilder hash(boolean offered) {
        hash = offered;
        return this;
    }

    public NicBuilder user(UserNetwork network) {
        user = network;
        return this;
    }

    public NicBuilder tap(NicTap options) {
        tap = options;
        return this;
    }

    public NicBuilder socket(NicSocket options) {
        socket = options;
        return this;
    }

    public NicBuilder vhostUser(String path) {
        vhostUser = path;
        return this;
    }

    /** @throws ConfigException where it does not make a NIC */
    public NicConfig build() {
        return new NicConfig(copy());
    }
}
