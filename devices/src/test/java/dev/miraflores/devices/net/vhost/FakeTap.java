// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import dev.miraflores.devices.net.NetBackend;
import dev.miraflores.devices.net.NetBackendEvents;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.NetPort;
import dev.miraflores.linux.EventFd;
import java.util.ArrayList;
import java.util.List;

/** A tap as far as the kernel's vhost sees it: descriptors, offloads and queues that are in use. */
final class FakeTap implements NetBackend {

    static final long OFFLOADS = NetFeatures.CSUM | NetFeatures.HOST_TSO4 | NetFeatures.GUEST_CSUM | NetFeatures.GUEST_TSO4;

    private final List<EventFd> queues = new ArrayList<>();
    volatile long offloads;
    volatile int activePairs = 1;
    volatile int refusal;
    volatile boolean closed;
    volatile NetBackendEvents events;

    FakeTap(int pairs) {
        for (int i = 0; i < pairs; i++) {
            queues.add(EventFd.create());
        }
    }

    @Override
    public String description() {
        return "tap,ifname=fake0";
    }

    @Override
    public int maxQueuePairs() {
        return queues.size();
    }

    @Override
    public NetPort port(int pair) {
        return new NetPort() {
            @Override
            public int descriptor() {
                return queues.get(pair).number();
            }

            @Override
            public long send(long iovecs, int iovecCount) {
                throw new AssertionError("the kernel does that");
            }

            @Override
            public long receive(long iovecs, int iovecCount) {
                throw new AssertionError("the kernel does that");
            }
        };
    }

    @Override
    public long offloads() {
        return OFFLOADS;
    }

    @Override
    public int setOffloads(long guestOffloads) {
        if (refusal == 0) {
            offloads = guestOffloads;
        }
        return -refusal;
    }

    @Override
    public int setActivePairs(int pairs) {
        if (refusal == 0) {
            activePairs = pairs;
        }
        return -refusal;
    }

    @Override
    public int mtu() {
        return 1400;
    }

    @Override
    public void start(NetBackendEvents listener) {
        events = listener;
    }

    @Override
    public void close() {
        queues.forEach(EventFd::close);
        closed = true;
    }
}
