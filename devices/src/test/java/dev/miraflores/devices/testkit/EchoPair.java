// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.ArrayList;
import java.util.List;

/**
 * A polite driver's side of two queues that a {@code FakeKernel} serves: one that receives, the next that sends. A packet is a number.
 */
public final class EchoPair {

    public static final int QUEUE_SIZE = 16;

    private static final int BUFFER_BYTES = 64;
    private static final long BUFFERS = 0x4_0000;
    private static final long BUFFERS_OF_QUEUE = 0x1000;

    private final GuestMemory ram;
    private final PciDriver driver;
    private final int rxQueue;
    private final int txQueue;
    private final VirtqueueDriver rx;
    private final VirtqueueDriver tx;
    private final List<Integer> received = new ArrayList<>();
    private int sentCount;

    /** Initialises both queues in memory; the device must be reset. */
    public EchoPair(GuestMemory ram, PciDriver driver, int rxQueue, long features) {
        this.ram = ram;
        this.driver = driver;
        this.rxQueue = rxQueue;
        txQueue = rxQueue + 1;
        rx = VirtqueueDriver.create(ram, geometry(rxQueue), features);
        tx = VirtqueueDriver.create(ram, geometry(txQueue), features);
    }

    /** Where a test's queues are, below 40000h. */
    public static QueueGeometry geometry(int queue) {
        long at = 0x1000 + 0x4000L * queue;
        return new QueueGeometry(QUEUE_SIZE, at, at + 0x1000, at + 0x2000);
    }

    private static long buffer(int queue, int slot) {
        return BUFFERS + BUFFERS_OF_QUEUE * queue + (long) BUFFER_BYTES * slot;
    }

    /** Makes all buffers available that the kernel may write to; the driver is ready. */
    public void fill() {
        for (int i = 0; i < QUEUE_SIZE; i++) {
            addRoom(i);
        }
        rx.publish();
        driver.notifyQueue(rxQueue);
    }

    private void addRoom(int slot) {
        int id = rx.add(new BufferElements().writable(buffer(rxQueue, slot), BUFFER_BYTES));
        if (id != slot) {
            throw new AssertionError("buffer " + slot + " has id " + id);
        }
    }

    /** Sends a packet: false where there is no room for one more. */
    public boolean send(int number) {
        while (tx.pollUsed() >= 0) {
            // Sent.
        }
        if (tx.freeDescriptors() == 0) {
            return false;
        }
        // They come back in the order they went in.
        long gpa = buffer(txQueue, sentCount++ % QUEUE_SIZE);
        ram.write(gpa, new byte[] {(byte) number, (byte) (number >>> 8), (byte) (number >>> 16), (byte) (number >>> 24)});
        tx.add(new BufferElements().readable(gpa, BUFFER_BYTES));
        tx.publish();
        driver.notifyQueue(txQueue);
        return true;
    }

    /** All that came, in its order. */
    public List<Integer> received() {
        for (int id = rx.pollUsed(); id >= 0; id = rx.pollUsed()) {
            byte[] bytes = new byte[4];
            ram.read(buffer(rxQueue, id), bytes);
            received.add(bytes[0] & 0xff | (bytes[1] & 0xff) << 8 | (bytes[2] & 0xff) << 16 | bytes[3] << 24);
            addRoom(id);
            rx.publish();
            driver.notifyQueue(rxQueue);
        }
        return received;
    }
}
