// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.PolledSource;
import dev.miraflores.aio.Watch;
import dev.miraflores.devices.net.NetBackend;
import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.NetHeader;
import dev.miraflores.devices.net.NetPort;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.Arrays;
import java.util.concurrent.Semaphore;

/**
 * A whole NIC over a back end that does nothing, with its driver on the NIC's own I/O thread: packets of one size one way, a number of
 * them at a time. One thread does everything, so that nothing but the device's work, and the driver's, is measured.
 */
final class NetWork implements AutoCloseable, PolledSource {

    private static final int QUEUE_SIZE = 256;
    private static final long QUEUES_GPA = 0;
    private static final long QUEUE_STRIDE = 0x1_0000;
    private static final long DATA_GPA = 0x10_0000;
    private static final int SLOT_BYTES = 0x1_0000 + 0x1000;
    private static final long MAC = 0x52_54_00_12_34_56L;

    private final boolean receives;
    private final int packetBytes;
    private final int used;
    private final Idle backend = new Idle();
    private final VirtioNetDevice device;
    private final IoThread thread;
    private final GuestMemory memory = GuestMemory.anonymous(DATA_GPA + (long) QUEUE_SIZE * SLOT_BYTES);
    private final EventFd[] kicks = {EventFd.create(), EventFd.create(), EventFd.create()};
    private final EventFd interrupt = EventFd.create();
    private final VirtqueueDriver queue;
    private final BufferElements[] packets = new BufferElements[QUEUE_SIZE];
    private final int[] slotOfId = new int[QUEUE_SIZE];
    private final int[] freeSlots = new int[QUEUE_SIZE];
    private final Semaphore finished = new Semaphore(0);
    private Watch watch;
    private int freeCount;
    private long toSend;
    private long toCome;
    private Throwable failure;

    /** It takes all and gives as many packets as it is told to; their bytes are whatever is there. */
    private final class Idle implements NetBackend, NetPort {
        private final EventFd ready = EventFd.create();
        private long left;

        @Override
        public String description() {
            return "idle";
        }

        @Override
        public int maxQueuePairs() {
            return 1;
        }

        @Override
        public NetPort port(int pair) {
            return this;
        }

        @Override
        public long offloads() {
            return NetFeatures.OFFLOADS;
        }

        @Override
        public int setOffloads(long guestOffloads) {
            return 0;
        }

        @Override
        public int setActivePairs(int pairs) {
            return 0;
        }

        @Override
        public int descriptor() {
            return ready.number();
        }

        @Override
        public long send(long iovecs, int iovecCount) {
            return 0;
        }

        @Override
        public long receive(long iovecs, int iovecCount) {
            if (left == 0) {
                ready.drain();
                return -Errno.EAGAIN;
            }
            left--;
            return NetHeader.BYTES + packetBytes;
        }

        @Override
        public void close() {
            ready.close();
        }
    }

    /** @param packetBytes of each, without header */
    NetWork(boolean receives, int packetBytes) {
        this.receives = receives;
        this.packetBytes = packetBytes;
        this.used = receives ? 0 : 1;
        device = VirtioNetDevice.open(NetDeviceConfig.of("bench", MAC).withQueues(1, QUEUE_SIZE), backend);
        thread = device.threads().getFirst();
        VirtqueueDriver[] drivers = new VirtqueueDriver[kicks.length];
        DeviceQueue[] queues = new DeviceQueue[kicks.length];
        for (int i = 0; i < kicks.length; i++) {
            long at = QUEUES_GPA + QUEUE_STRIDE * i;
            QueueGeometry geometry = new QueueGeometry(device.maxQueueSize(i), at, at + 0x6000, at + 0x8000);
            drivers[i] = VirtqueueDriver.create(memory, geometry, device.features());
            queues[i] = new DeviceQueue(
                i, Virtqueue.create(memory, geometry, device.features()), kicks[i], interrupt::signal);
        }
        queue = drivers[used];
        for (int slot = 0; slot < QUEUE_SIZE; slot++) {
            long at = DATA_GPA + (long) SLOT_BYTES * slot;
            BufferElements elements = new BufferElements();
            packets[slot] = receives ? elements.writable(at, NetHeader.BYTES + packetBytes)
                : elements.readable(at, NetHeader.BYTES + packetBytes);
        }
        device.activate(new VirtioActivation(device.features(), memory, Arrays.asList(queues), new NoEvents()));
        thread.call(() -> watch = thread.watch(interrupt, this));
    }

    private static final class NoEvents implements DeviceEvents {
        @Override
        public void configChanged() {
        }

        @Override
        public void needsReset() {
            throw new IllegalStateException("the device gave up");
        }
    }

    /** Moves {@code count} packets, {@code depth} buffers at a time. */
    long run(long count, int depth) {
        thread.execute(() -> {
            freeCount = 0;
            while (freeCount < depth) {
                freeSlots[freeCount] = freeCount;
                freeCount++;
            }
            toSend = count;
            toCome = count;
            backend.left = receives ? count : 0;
            backend.ready.signal();
            send();
        });
        finished.acquireUninterruptibly();
        if (failure != null) {
            throw new IllegalStateException("the benchmark failed", failure);
        }
        return count;
    }

    private void send() {
        while (freeCount > 0 && toSend > 0) {
            int slot = freeSlots[--freeCount];
            toSend--;
            slotOfId[queue.add(packets[slot])] = slot;
        }
        if (queue.needsNotification()) {
            kicks[used].signal();
        }
    }

    @Override
    public boolean hasWork() {
        return false; // found when the device has worked, and then at once
    }

    @Override
    public boolean poll() {
        boolean any = false;
        for (int id; (id = queue.pollUsed()) >= 0; any = true) {
            freeSlots[freeCount++] = slotOfId[id];
            toCome--;
        }
        if (any) {
            queue.disableNotifications();
            send();
            if (toCome == 0) {
                finished.release();
            }
        }
        return any;
    }

    @Override
    public boolean enableEvents() {
        return queue.enableNotifications();
    }

    @Override
    public void endTurn() {
    }

    @Override
    public void onFailure(Throwable bug) {
        failure = bug;
        finished.release();
    }

    @Override
    public void close() {
        thread.call(() -> watch.close());
        device.close();
        interrupt.close();
        for (EventFd kick : kicks) {
            kick.close();
        }
        memory.close();
    }
}
