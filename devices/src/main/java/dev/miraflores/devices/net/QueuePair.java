// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.Watch;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.linux.FileIo;
import java.util.ArrayList;
import java.util.List;

/**
 * A queue pair, its port, and the thread that moves packets between them.
 * <p>Thread: the pair's I/O thread; what says so, any.
 */
final class QueuePair {

    private final int index;
    private final IoThread thread;
    private final NetPort port;
    private final PortWatch watch;
    private final NetCounters received = new NetCounters();
    private final NetCounters transmitted = new NetCounters();

    // Made when first used.
    private PacketMemory receiveMemory;
    private PacketMemory transmitMemory;

    private final List<Watch> doorbells = new ArrayList<>();
    private ReceiveQueue receive;
    private TransmitQueue transmit;
    private boolean paused;
    private NetState state;
    private volatile boolean active;

    QueuePair(int index, IoThread thread, NetPort port) {
        this.index = index;
        this.thread = thread;
        this.port = port;
        this.watch = new PortWatch(thread, port);
    }

    /** Any thread. */
    IoThread thread() {
        return thread;
    }

    /** Any thread. */
    NetPairReport report() {
        return new NetPairReport(index, active, received, transmitted);
    }

    /** Or {@code null}. */
    ReceiveQueue receiveQueue() {
        return receive;
    }

    /** The driver is ready; {@link #set} says whether it uses this pair. */
    void start(PortRun run) {
        DeviceQueue receiveq = run.activation().queues().get(2 * index);
        DeviceQueue transmitq = run.activation().queues().get(2 * index + 1);
        if (receiveq != null) {
            receiveMemory = receiveMemory == null ? new PacketMemory(ReceiveQueue.IOVECS) : receiveMemory;
            receive = new ReceiveQueue(run, watch, port, received, receiveq, receiveMemory);
        }
        if (transmitq != null) {
            transmitMemory = transmitMemory == null ? new PacketMemory(FileIo.IOV_MAX) : transmitMemory;
            transmit = new TransmitQueue(run, watch, port, transmitted, transmitq, transmitMemory);
        }
    }

    /** Begins to look at the doorbells; after {@link #set}. */
    void watchDoorbells(PortRun run) {
        if (receive != null) {
            doorbells.add(thread.watch(run.activation().queues().get(2 * index).kick(), receive));
        }
        if (transmit != null) {
            doorbells.add(thread.watch(run.activation().queues().get(2 * index + 1).kick(), transmit));
        }
    }

    void set(NetState to) {
        state = to;
        boolean used = index < to.activePairs();
        if (used != active) {
            active = used;
            if (used) {
                watch.open();
            } else {
                watch.close();
                if (receive != null) {
                    receive.dropHeld(NetFault.NO_QUEUE);
                }
            }
        }
        tellQueues();
    }

    private void tellQueues() {
        boolean moving = active && !paused;
        if (receive != null) {
            receive.set(state, moving);
        }
        if (transmit != null) {
            transmit.set(state, moving);
        }
    }

    void setPaused(boolean on) {
        paused = on;
        tellQueues();
    }

    /** Runs {@code change}, which may give the port another descriptor. */
    void changePort(Runnable change) {
        if (active) {
            watch.close();
        }
        try {
            change.run();
        } finally {
            if (active) {
                watch.open();
            }
        }
    }

    /** Nothing of the pair touches queues or guest memory any more. */
    void stop() {
        doorbells.forEach(Watch::close);
        doorbells.clear();
        if (active) {
            active = false;
            watch.close();
        }
        if (transmit != null) {
            port.abandon(); // whatever was waiting for room
        }
        receive = null;
        transmit = null;
    }
}
