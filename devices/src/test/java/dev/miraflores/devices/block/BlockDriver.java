// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A driver of one virtio-blk queue, and the machine around it: memory, a doorbell, an interrupt that is counted.
 * <pre>
 *   0x0000   descriptor table, available ring, used ring
 *   0x10000  a header and a status byte for each id, 64 bytes apart
 *   0x20000  indirect tables, 1 KiB for each id
 *   DATA     the rest </pre>
 */
final class BlockDriver implements AutoCloseable {

    static final int IN = 0;
    static final int OUT = 1;
    static final int FLUSH = 4;
    static final int GET_ID = 8;

    static final byte UNTOUCHED = (byte) 0xEE;
    static final long DATA = 0x100000;
    static final int MEMORY_BYTES = 8 << 20;

    private static final long HEADERS = 0x10000;
    private static final long TABLES = 0x40000;
    private static final int TABLE_BYTES = 1024;
    private static final int HEADER_STRIDE = 64;
    private static final int STATUS_OFFSET = 32;
    private static final long TIMEOUT_NS = 20_000_000_000L;

    final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
    final MemorySegment ram = memory.regions().getFirst().segment();
    final EventFd kick = EventFd.create();
    final AtomicInteger interrupts = new AtomicInteger();
    final AtomicInteger needsReset = new AtomicInteger();
    final BufferElements elements = new BufferElements();
    final int queueSize;
    private final VirtioDevice device;
    VirtqueueDriver queue;

    BlockDriver(VirtioDevice device, int queueSize) {
        this.device = device;
        this.queueSize = queueSize;
    }

    QueueGeometry geometry() {
        return new QueueGeometry(queueSize, 0, 0x4000, 0x6000);
    }

    /** Accepts all that is offered but {@code without}, and starts the device. */
    void start(long without) {
        long features = device.features() & ~without;
        queue = VirtqueueDriver.create(memory, geometry(), features);
        Virtqueue ring = Virtqueue.create(memory, geometry(), features);
        DeviceEvents events = new DeviceEvents() {
            @Override
            public void configChanged() {
            }

            @Override
            public void needsReset() {
                needsReset.incrementAndGet();
            }
        };
        DeviceQueue deviceQueue = new DeviceQueue(0, ring, kick, interrupts::incrementAndGet);
        device.activate(new VirtioActivation(features, memory, List.of(deviceQueue), events));
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
        if (dataBytes > 0 && type == OUT) {
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

    byte[] bytes(long gpa, int length) {
        return ram.asSlice(gpa, length).toArray(ValueLayout.JAVA_BYTE);
    }

    void put(long gpa, byte[] bytes) {
        MemorySegment.copy(bytes, 0, ram, ValueLayout.JAVA_BYTE, gpa, bytes.length);
    }

    /** After the device was reset or closed. */
    @Override
    public void close() {
        kick.close();
        memory.close();
    }
}
