// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.miraflores.aio.PolledSource;
import dev.miraflores.aio.Watch;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.Semaphore;

/**
 * A whole disk with its driver on the disk's own I/O thread: random requests of one size, so many at a time, each in an
 * indirect table as Linux makes them. One thread does everything, so that nothing but work is measured.
 */
final class BlockWork implements AutoCloseable, PolledSource {

    /** The process: the kernel's workers for requests that would have to wait belong to it, as fio's do to fio. */
    private static final OperatingSystemMXBean PROCESS =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private static final int QUEUE_SIZE = 256;
    private static final long QUEUE_GPA = 0;
    private static final long HEADERS_GPA = 0x10000;
    private static final long TABLES_GPA = 0x40000;
    private static final long DATA_GPA = 0x100000;
    private static final int HEADER_STRIDE = 64;
    private static final int STATUS_OFFSET = 32;
    private static final int TABLE_BYTES = 64;
    private static final int HEADER_BYTES = 16;
    private static final int SECTOR_BYTES = 512;
    private static final int TYPE_IN = 0;
    private static final int TYPE_OUT = 1;

    private final VirtioBlockDevice device;
    private final GuestMemory memory;
    private final MemorySegment ram;
    private final EventFd kick = EventFd.create();
    private final EventFd interrupt = EventFd.create();
    private final VirtqueueDriver queue;
    private final BufferElements[] requests = new BufferElements[QUEUE_SIZE];
    private final int[] slotOfId = new int[QUEUE_SIZE];
    private final int[] freeSlots = new int[QUEUE_SIZE];
    private final int requestBytes;
    private final int type;
    private final long blocks;
    private final Semaphore finished = new Semaphore(0);
    private Watch watch;

    private int freeCount;
    private long toSend;
    private long toCome;
    private long errors;
    private long cpuNs;
    private long random = 88172645463325252L;

    /**
     * @param requestBytes of each request, a multiple of 512
     */
    BlockWork(BlockDeviceConfig.Builder config, int requestBytes, boolean write) {
        this.requestBytes = requestBytes;
        this.type = write ? TYPE_OUT : TYPE_IN;
        device = VirtioBlockDevice.open(config.queueSize(QUEUE_SIZE).build());
        blocks = device.readConfig(0, 8) * SECTOR_BYTES / requestBytes;
        memory = GuestMemory.anonymous((DATA_GPA + (long) QUEUE_SIZE * requestBytes + 4095) & -4096L);
        ram = memory.regions().getFirst().segment();
        ram.fill((byte) 1);
        QueueGeometry geometry = new QueueGeometry(QUEUE_SIZE, QUEUE_GPA, QUEUE_GPA + 0x4000, QUEUE_GPA + 0x6000);
        long features = device.features();
        queue = VirtqueueDriver.create(memory, geometry, features);
        for (int slot = 0; slot < QUEUE_SIZE; slot++) {
            long header = HEADERS_GPA + (long) HEADER_STRIDE * slot;
            ram.set(ValueLayout.JAVA_INT, header, type);
            ram.set(ValueLayout.JAVA_INT, header + 4, 0);
            long data = DATA_GPA + (long) requestBytes * slot;
            requests[slot] = new BufferElements().readable(header, HEADER_BYTES);
            if (write) {
                requests[slot].readable(data, requestBytes);
            } else {
                requests[slot].writable(data, requestBytes);
            }
            requests[slot].writable(header + STATUS_OFFSET, 1);
        }
        DeviceQueue deviceQueue = new DeviceQueue(
            0, Virtqueue.create(memory, geometry, features), kick, interrupt::signal);
        device.activate(new VirtioActivation(features, memory, List.of(deviceQueue), new NoEvents()));
        device.thread().call(() -> watch = device.thread().watch(interrupt, this));
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

    VirtioBlockDevice device() {
        return device;
    }

    /** What a run of requests took. */
    record Time(long wallNs, long cpuNs) {
    }

    /** Does {@code count} requests, {@code depth} at a time. */
    Time run(long count, int depth) {
        long start = System.nanoTime();
        device.thread().execute(() -> {
            freeCount = 0;
            for (int slot = 0; slot < depth; slot++) {
                freeSlots[freeCount++] = slot;
            }
            toSend = count;
            toCome = count;
            cpuNs = -PROCESS.getProcessCpuTime();
            send();
        });
        finished.acquireUninterruptibly();
        long ns = System.nanoTime() - start;
        if (errors != 0) {
            throw new IllegalStateException(errors + " requests failed");
        }
        return new Time(ns, cpuNs);
    }

    private void send() {
        while (freeCount > 0 && toSend > 0) {
            int slot = freeSlots[--freeCount];
            toSend--;
            long header = HEADERS_GPA + (long) HEADER_STRIDE * slot;
            ram.set(ValueLayout.JAVA_LONG, header + 8, nextBlock() * (requestBytes / SECTOR_BYTES));
            slotOfId[queue.addIndirect(requests[slot], TABLES_GPA + (long) TABLE_BYTES * slot)] = slot;
        }
        if (queue.needsNotification()) {
            kick.signal();
        }
    }

    private long nextBlock() {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        return Math.floorMod(random, blocks);
    }

    @Override
    public boolean hasWork() {
        return false; // found when the device has worked, and then at once
    }

    @Override
    public boolean poll() {
        boolean any = false;
        for (int id; (id = queue.pollUsed()) >= 0; any = true) {
            int slot = slotOfId[id];
            errors += ram.get(ValueLayout.JAVA_BYTE, HEADERS_GPA + (long) HEADER_STRIDE * slot + STATUS_OFFSET);
            freeSlots[freeCount++] = slot;
            toCome--;
        }
        if (any) {
            queue.disableNotifications();
            send();
            if (toCome == 0) {
                cpuNs += PROCESS.getProcessCpuTime();
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
        errors++;
        finished.release();
    }

    @Override
    public void close() {
        device.thread().call(() -> watch.close());
        device.close();
        interrupt.close();
        kick.close();
        memory.close();
    }
}
