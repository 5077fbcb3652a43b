// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/**
 * A driver of a NIC's queues, and the machine around it: memory, doorbells, interrupts that are counted.
 * <pre>  QUEUES    each queue, 64 KiB apart
 *   DATA      for tests: a place after the other ({@link #place}), from the front again after a reset </pre>
 */
public final class NetDriver implements AutoCloseable {

    public static final int MEMORY_BYTES = 32 << 20;
    private static final long QUEUE_STRIDE = 0x1_0000;
    private static final long DATA = 0x20_0000;
    private static final long TIMEOUT_NS = 20_000_000_000L;

    public final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
    public final AtomicInteger interrupts = new AtomicInteger();
    public final AtomicInteger needsReset = new AtomicInteger();
    public final AtomicInteger configChanges = new AtomicInteger();
    private final VirtioDevice device;
    private final EventFd[] kicks;
    private final VirtqueueDriver[] queues;
    /** Where the buffers lie that were added to receive, by queue and id. */
    private final Map<Long, Buffer> buffers = new HashMap<>();
    private int[] leftOut = {};
    private int controlQueue;
    private int headerBytes = NetHeader.BYTES;
    private long next = DATA;

    private record Buffer(List<long[]> elements) {
    }

    public NetDriver(VirtioDevice device) {
        this.device = device;
        queues = new VirtqueueDriver[device.queueCount()];
        kicks = new EventFd[queues.length];
        for (int i = 0; i < kicks.length; i++) {
            kicks[i] = EventFd.create();
        }
    }

    private QueueGeometry geometry(int index) {
        long at = QUEUE_STRIDE * index;
        return new QueueGeometry(device.maxQueueSize(index), at, at + 0x6000, at + 0x8000);
    }

    /** Queues that are not enabled by {@link #start}. */
    public void leaveOut(int... indexes) {
        leftOut = indexes;
    }

    /** Accepts all that is offered but {@code without}, and starts the device. */
    public NetDriver start(long without) {
        long features = device.features() & ~without;
        next = DATA;
        buffers.clear();
        List<DeviceQueue> deviceQueues = new ArrayList<>();
        for (int i = 0; i < queues.length; i++) {
            queues[i] = VirtqueueDriver.create(memory, geometry(i), features);
            Virtqueue ring = Virtqueue.create(memory, geometry(i), features);
            int index = i;
            boolean enabled = Arrays.stream(leftOut).noneMatch(each -> each == index);
            deviceQueues.add(enabled ? new DeviceQueue(i, ring, kicks[i], interrupts::incrementAndGet) : null);
        }
        boolean many = (features & (NetFeatures.MQ | NetFeatures.RSS)) != 0;
        controlQueue = many ? queues.length - 1 : 2;
        headerBytes = (features & NetFeatures.HASH_REPORT) != 0 ? NetHeader.BYTES_WITH_HASH : NetHeader.BYTES;
        device.activate(new VirtioActivation(features, memory, deviceQueues, new DeviceEvents() {
            @Override
            public void configChanged() {
                configChanges.incrementAndGet();
            }

            @Override
            public void needsReset() {
                needsReset.incrementAndGet();
            }
        }));
        return this;
    }

    public int headerBytes() {
        return headerBytes;
    }

    public VirtqueueDriver queue(int index) {
        return queues[index];
    }

    /** A place of {@code byteSize} bytes that nobody else has. */
    public long place(long byteSize) {
        long at = next;
        next += byteSize + 63 & -64;
        assertTrue(next <= MEMORY_BYTES, "the test wants more memory than there is");
        return at;
    }

    public long place(byte[] content) {
        long at = place(content.length);
        assertTrue(memory.write(at, content));
        return at;
    }

    /** Makes a buffer available, and rings; answers its id. */
    public int add(int index, BufferElements elements) {
        int id = queues[index].add(elements);
        assertTrue(id >= 0, "no descriptors left in queue " + index);
        kick(index);
        return id;
    }

    public void kick(int index) {
        if (queues[index].needsNotification()) {
            kicks[index].signal();
        }
    }

    /** Rings, whether or not that is wanted, and whatever the queue looks like. */
    public void kickAnyway(int index) {
        kicks[index].signal();
    }

    /** Waits for a buffer to be used: its id. */
    public int used(int index) {
        int[] id = {-1};
        await("a used buffer in queue " + index, () -> (id[0] = queues[index].pollUsed()) >= 0);
        return id[0];
    }

    // ---- transmitting

    /** Sends a packet as one element of header, and one of frame; does not wait. */
    public void transmit(int pair, byte[] header, byte[] frame) {
        byte[] whole = Arrays.copyOf(header, headerBytes);
        BufferElements elements = new BufferElements().readable(place(whole), whole.length);
        if (frame.length != 0) {
            elements.readable(place(frame), frame.length);
        }
        add(2 * pair + 1, elements);
    }

    /** As {@link #transmit}, and waits until the buffer comes back. */
    public void transmitted(int pair, byte[] header, byte[] frame) {
        transmit(pair, header, frame);
        used(2 * pair + 1);
        assertEquals(0, queues[2 * pair + 1].usedBytes());
    }

    // ---- receiving

    /** Makes a buffer of elements of these sizes available to receive into. */
    public void addReceive(int pair, int... sizes) {
        BufferElements elements = new BufferElements();
        List<long[]> places = new ArrayList<>();
        for (int size : sizes) {
            long at = place(size);
            elements.writable(at, size);
            places.add(new long[] {at, size});
        }
        long key = (long) pair << 32 | add(2 * pair, elements);
        buffers.put(key, new Buffer(places));
    }

    /** Waits for a packet: header and frame, put together from all of its buffers. */
    public byte[] received(int pair) {
        byte[] first = receivedBuffer(pair);
        int count = first[NetHeader.NUM_BUFFERS_OFFSET] & 0xff | (first[NetHeader.NUM_BUFFERS_OFFSET + 1] & 0xff) << 8;
        assertTrue(count >= 1, "num_buffers " + count);
        for (int i = 1; i < count; i++) {
            byte[] more = receivedBuffer(pair);
            int at = first.length;
            first = Arrays.copyOf(first, at + more.length);
            System.arraycopy(more, 0, first, at, more.length);
        }
        return first;
    }

    /** As {@link #received}, without the header. */
    public byte[] receivedFrame(int pair) {
        byte[] whole = received(pair);
        return Arrays.copyOfRange(whole, headerBytes, whole.length);
    }

    /** What was written to the next buffer that comes back. */
    public byte[] receivedBuffer(int pair) {
        int id = used(2 * pair);
        long left = queues[2 * pair].usedBytes();
        byte[] bytes = new byte[(int) left];
        int at = 0;
        for (long[] element : buffers.remove((long) pair << 32 | id).elements()) {
            byte[] part = new byte[(int) Math.min(left, element[1])];
            assertTrue(memory.read(element[0], part));
            System.arraycopy(part, 0, bytes, at, part.length);
            at += part.length;
            left -= part.length;
        }
        assertEquals(0, left, "more was written than there is room for");
        return bytes;
    }

    // ---- the control queue

    /** Gives a command: the answer, or −1 where none was written. */
    public int command(int type, int command, byte[] data) {
        long header = place(new byte[] {(byte) type, (byte) command});
        long ack = place(new byte[] {(byte) 0x55});
        BufferElements elements = new BufferElements().readable(header, 2);
        if (data.length != 0) {
            elements.readable(place(data), data.length);
        }
        add(controlQueue, elements.writable(ack, 1));
        return answer(ack);
    }

    /** Of what was added to the control queue last. */
    public int answer(long ack) {
        used(controlQueue);
        byte[] answer = new byte[1];
        memory.read(ack, answer);
        return queues[controlQueue].usedBytes() == 0 ? -1 : answer[0];
    }

    public int controlQueue() {
        return controlQueue;
    }

    static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + TIMEOUT_NS;
        for (int i = 0; !condition.getAsBoolean(); i++) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not within 20 s: " + what);
            }
            if (i < 1000) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
    }

    @Override
    public void close() {
        device.close();
        for (EventFd kick : kicks) {
            kick.close();
        }
        memory.close();
    }
}
