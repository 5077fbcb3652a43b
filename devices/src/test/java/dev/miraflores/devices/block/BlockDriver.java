// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.MemoryBacking;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A driver of virtio-blk queues, and the machine around it: memory, doorbells, interrupts that are counted. Calls are about
 * the first queue, or the one that {@link #use} names.
 * <pre>
 *   0x0000   descriptor table, available ring, used ring
 *   0x10000  a header and a status byte for each id, 64 bytes apart
 *   0x20000  indirect tables, 1 KiB for each id
 *   DATA     the rest
 *   QUEUES   the queues after the first </pre>
 */
final class BlockDriver implements AutoCloseable {

    static final int IN = 0;
    static final int OUT = 1;
    static final int FLUSH = 4;
    static final int GET_ID = 8;
    static final int DISCARD = 11;
    static final int WRITE_ZEROES = 13;
    static final int UNMAP = 1;

    static final byte UNTOUCHED = (byte) 0xEE;
    static final long DATA = 0x100000;
    static final int MEMORY_BYTES = 8 << 20;
    private static final long QUEUES = 0x7C0000;
    private static final long QUEUE_STRIDE = 0x8000;

    private static final long HEADERS = 0x10000;
    private static final long TABLES = 0x40000;
    private static final int TABLE_BYTES = 1024;
    private static final int HEADER_STRIDE = 64;
    private static final int STATUS_OFFSET = 32;
    private static final long TIMEOUT_NS = 20_000_000_000L;

    final GuestMemory memory;
    final MemorySegment ram;
    EventFd kick;
    final AtomicInteger interrupts = new AtomicInteger();
    final AtomicInteger needsReset = new AtomicInteger();
    final AtomicInteger configChanges = new AtomicInteger();
    final BufferElements elements = new BufferElements();
    final int queueSize;
    private final VirtioDevice device;
    private final EventFd[] kicks;
    private final VirtqueueDriver[] queues;
    VirtqueueDriver queue;

    BlockDriver(VirtioDevice device, int queueSize) {
        this(device, queueSize, MemoryBacking.ANONYMOUS);
    }

    BlockDriver(VirtioDevice device, int queueSize, MemoryBacking backing) {
        this(device, queueSize, GuestMemory.create(MEMORY_BYTES, backing));
    }

    /** @param memory closed with this */
    BlockDriver(VirtioDevice device, int queueSize, GuestMemory memory) {
        this.device = device;
        this.memory = memory;
        ram = memory.regions().getFirst().segment();
        this.queueSize = queueSize;
        this.queues = new VirtqueueDriver[device.queueCount()];
        this.kicks = new EventFd[queues.length];
        for (int i = 0; i < kicks.length; i++) {
            kicks[i] = EventFd.create();
        }
        kick = kicks[0];
    }

    QueueGeometry geometry() {
        return geometry(0);
    }

    private QueueGeometry geometry(int index) {
        long at = index == 0 ? 0 : QUEUES + QUEUE_STRIDE * (index - 1);
        return new QueueGeometry(queueSize, at, at + 0x4000, at + 0x6000);
    }

    /** Queue {@code index} is the one that calls are about. */
    void use(int index) {
        queue = queues[index];
        kick = kicks[index];
    }

    /** Accepts all that is offered but {@code without}, and starts the device. */
    void start(long without) {
        long features = device.features() & ~without;
        List<DeviceQueue> deviceQueues = new ArrayList<>();
        for (int i = 0; i < queues.length; i++) {
            queues[i] = VirtqueueDriver.create(memory, geometry(i), features);
            Virtqueue ring = Virtqueue.create(memory, geometry(i), features);
            deviceQueues.add(new DeviceQueue(i, ring, kicks[i], interrupts::incrementAndGet));
        }
        use(0);
        DeviceEvents events = new DeviceEvents() {
            @Override
            public void configChanged() {
                configChanges.incrementAndGet();
            }

            @Override
            public void needsReset() {
                needsReset.incrementAndGet();
            }
        };
        device.activate(new VirtioActivation(features, memory, deviceQueues, events));
    }

    void start() {
        start(0);
    }

    long headerGpa(int slot) {
        return HEADERS + (long) HEADER_STRIDE * slot;
    }

    long statusGpa(int slot) {
        return headerGpa(slot) + STATUS_OFFSET;
    }

    void putHeader(int slot, int type, long sector) {
        ram.set(ValueLayout.JAVA_INT, headerGpa(slot), type);
        ram.set(ValueLayout.JAVA_INT, headerGpa(slot) + 4, 0);
        ram.set(ValueLayout.JAVA_LONG, headerGpa(slot) + 8, sector);
        ram.set(ValueLayout.JAVA_BYTE, statusGpa(slot), UNTOUCHED);
    }

    int status(int slot) {
        return ram.get(ValueLayout.JAVA_BYTE, statusGpa(slot));
    }

    /** Describes a request in {@link #elements}, as drivers usually lay it out. */
    BufferElements describe(int slot, int type, long sector, long dataGpa, int dataBytes) {
        putHeader(slot, type, sector);
        elements.clear().readable(headerGpa(slot), 16);
        if (dataBytes > 0 && (type == OUT || type == DISCARD || type == WRITE_ZEROES)) {
            elements.readable(dataGpa, dataBytes);
        } else if (dataBytes > 0) {
            elements.writable(dataGpa, dataBytes);
        }
        return elements.writable(statusGpa(slot), 1);
    }

    int add() {
        return queue.add(elements);
    }

    int addIndirect(int slot) {
        return queue.addIndirect(elements, TABLES + (long) TABLE_BYTES * slot);
    }

    void notifyDevice() {
        if (queue.needsNotification()) {
            kick.signal();
        }
    }

    /** Waits for the next used buffer: its id. */
    int awaitUsed() {
        long start = System.nanoTime();
        int id;
        while ((id = queue.pollUsed()) < 0) {
            if (System.nanoTime() - start > TIMEOUT_NS) {
                throw new AssertionError("no answer from the device");
            }
            Thread.onSpinWait();
        }
        return id;
    }

    /** Does what {@link #elements} says, alone: the used length. */
    long run() {
        int id = add();
        if (id < 0) {
            throw new AssertionError("queue is full");
        }
        notifyDevice();
        if (awaitUsed() != id) {
            throw new AssertionError("another buffer was used");
        }
        return queue.usedBytes();
    }

    /** One request, alone: its status. */
    int request(int type, long sector, long dataGpa, int dataBytes) {
        describe(0, type, sector, dataGpa, dataBytes);
        run();
        return status(0);
    }

    /** Puts a range to discard or zero at {@code gpa}. */
    void putRange(long gpa, long sector, int sectors, int flags) {
        ram.set(ValueLayout.JAVA_LONG_UNALIGNED, gpa, sector);
        ram.set(ValueLayout.JAVA_INT_UNALIGNED, gpa + 8, sectors);
        ram.set(ValueLayout.JAVA_INT_UNALIGNED, gpa + 12, flags);
    }

    /** One request about one range, alone: its status. */
    int range(int type, long sector, int sectors, int flags) {
        putRange(DATA, sector, sectors, flags);
        return request(type, 0, DATA, 16);
    }

    byte[] bytes(long gpa, int length) {
        return ram.asSlice(gpa, length).toArray(ValueLayout.JAVA_BYTE);
    }

    void put(long gpa, byte[] bytes) {
        MemorySegment.copy(bytes, 0, ram, ValueLayout.JAVA_BYTE, gpa, bytes.length);
    }

    /** After the device was reset or closed. */
    @Override
    public void close() {
        for (EventFd each : kicks) {
            each.close();
        }
        memory.close();
    }
}
