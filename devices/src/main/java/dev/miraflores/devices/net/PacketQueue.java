// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.PolledSource;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.virtio.ring.Virtqueue;

/**
 * One direction of a queue pair: what both have in common.
 * <p>Thread: the pair's I/O thread.
 */
abstract class PacketQueue implements PolledSource {

    final PortRun run;
    final PortWatch watch;
    final NetPort port;
    final NetCounters counters;
    final Virtqueue ring;
    final PacketMemory memory;
    final int headerBytes;
    NetState state;
    /** Buffers were given back in this turn. */
    boolean unpublished;

    private final String name;
    private final DeviceQueue queue;
    private boolean moving;
    private boolean broken;

    /** @param name for messages: {@code receive queue} */
    PacketQueue(String name, PortRun run, PortWatch watch, NetPort port, NetCounters counters, DeviceQueue queue, PacketMemory memory) {
        this.name = name;
        this.run = run;
        this.watch = watch;
        this.port = port;
        this.counters = counters;
        this.queue = queue;
        this.ring = queue.ring();
        this.memory = memory;
        this.headerBytes = run.headerBytes();
    }

    /** @param on whether packets are moved at all, now */
    void set(NetState to, boolean on) {
        state = to;
        moving = on;
    }

    boolean mayMove() {
        return moving && !broken && !run.isFailed();
    }

    /** Answers whether the driver has kept to the queue's rules. */
    final boolean checkRing() {
        if (ring.fault() != null && !broken) {
            counters.driverFaults().increment(ring.fault());
            broken = true;
            run.fail("the driver broke " + name + " " + queue.index() + ", " + ring.fault(), null);
        }
        return !broken;
    }

    @Override
    public final void endTurn() {
        if (unpublished) {
            unpublished = false;
            if (ring.needsNotification()) {
                counters.packets().increment(NetCounter.INTERRUPTS);
                queue.interrupt().run();
            }
        }
    }

    @Override
    public final void onFailure(Throwable bug) {
        broken = true;
        run.fail("internal error at " + name + " " + queue.index(), bug);
    }
}
