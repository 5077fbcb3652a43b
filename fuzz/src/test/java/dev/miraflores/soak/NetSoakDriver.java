// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.VirtioNetDevice;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The guest's side of a NIC: buffers of all kinds to receive into, packets in all kinds of pieces to send, commands.
 * <pre>  0x00_0000  queues, 64 KiB apart
 *  0x0A_0000  a command, and its answer
 *  0x10_0000  packets to send, for each pair {@link #SLOTS} of them, each behind its indirect table
 *  0x90_0000  buffers to receive into, 4 MiB for each pair </pre>
 * <p>Thread: one.
 */
final class NetSoakDriver implements AutoCloseable {

    static final int MAX_PAIRS = 4;
    private static final int SLOTS = 24;
    private static final int MEMORY_BYTES = 32 << 20;
    private static final long QUEUE_STRIDE = 0x1_0000;
    private static final long COMMAND = 0xA_0000;
    private static final long ACK = COMMAND + 0x1000;
    private static final long SLOT_BASE = 0x10_0000;
    private static final int SLOT_BYTES = 0x1_2000;
    private static final int TABLE_BYTES = 0x100;
    private static final int MAX_PIECES = 8;
    private static final long RECEIVE_BASE = 0x90_0000;
    private static final int RECEIVE_BYTES = 4 << 20;
    private static final int BIG_BUFFER = 0x1_1000;
    private static final int HASH_HEADER_BYTES = 20;
    private static final int COMMAND_TURNS = 200_000;

    /** Who gets what came. */
    interface Receiver {
        /** {@code headerBytes} in front of the frame; {@code length} is that of both. */
        void received(byte[] bytes, int headerBytes, int length);
    }

    final VirtioNetDevice device;
    private final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
    private final Semaphore interrupts;
    private final Random random;
    private final AtomicBoolean needsReset = new AtomicBoolean();
    private final EventFd[] kicks;
    private final VirtqueueDriver[] queues;
    private final BufferElements elements = new BufferElements();
    private final ReceiveSide[] receive;
    private final SendSide[] send;
    private long features;
    private int controlQueue;
    int headerBytes;

    /** Of one queue. */
    private static final class ReceiveSide {
        int[] bufferById;
        int bufferBytes;
        boolean pieces;
        /** For which there were no descriptors, with as many pieces as they were to have. */
        final int[] waiting = new int[RECEIVE_BYTES / 2048];
        int waitingCount;
        /** Buffers that the packet in hand has and that have not come yet. */
        int missing;
        final byte[] packet = new byte[HASH_HEADER_BYTES + NetSoakPacket.MAX_FRAME_BYTES + BIG_BUFFER];
        int length;
    }

    /** Of one queue. */
    private static final class SendSide {
        int[] slotById;
        final int[] free = new int[SLOTS];
        int freeCount;
    }

    NetSoakDriver(VirtioNetDevice device, Semaphore interrupts, Random random) {
        this.device = device;
        this.interrupts = interrupts;
        this.random = random;
        queues = new VirtqueueDriver[device.queueCount()];
        kicks = new EventFd[queues.length];
        for (int i = 0; i < kicks.length; i++) {
            kicks[i] = EventFd.create();
        }
        receive = new ReceiveSide[(queues.length - 1) / 2];
        send = new SendSide[receive.length];
        for (int i = 0; i < receive.length; i++) {
            receive[i] = new ReceiveSide();
            send[i] = new SendSide();
        }
    }

    private QueueGeometry geometry(int index) {
        long at = QUEUE_STRIDE * index;
        return new QueueGeometry(device.maxQueueSize(index), at, at + 0x6000, at + 0x8000);
    }

    int pairs() {
        return receive.length;
    }

    boolean has(long feature) {
        return (features & feature) != 0;
    }

    /** @param bigPackets whether unmerged buffers have to hold more than 1500 bytes */
    void start(long negotiated, boolean bigPackets) {
        features = negotiated;
        controlQueue = has(NetFeatures.MQ) ? queues.length - 1 : 2;
        headerBytes = has(NetFeatures.HASH_REPORT) ? HASH_HEADER_BYTES : NetSoakPacket.HEADER_BYTES;
        List<DeviceQueue> deviceQueues = new ArrayList<>();
        for (int i = 0; i < queues.length; i++) {
            queues[i] = VirtqueueDriver.create(memory, geometry(i), negotiated);
            kicks[i].drain();
            deviceQueues.add(new DeviceQueue(i, Virtqueue.create(memory, geometry(i), negotiated), kicks[i], interrupts::release));
        }
        device.activate(new VirtioActivation(negotiated, memory, deviceQueues, new Events()));
        for (int pair = 0; pair < receive.length; pair++) {
            SendSide sent = send[pair];
            sent.slotById = new int[queues[2 * pair + 1].size()];
            sent.freeCount = 0;
            while (sent.freeCount < SLOTS) {
                sent.free[sent.freeCount] = sent.freeCount;
                sent.freeCount++;
            }
            fill(pair, bigPackets);
        }
    }

    private void fill(int pair, boolean bigPackets) {
        ReceiveSide side = receive[pair];
        VirtqueueDriver queue = queues[2 * pair];
        side.bufferBytes = !has(NetFeatures.MRG_RXBUF) && bigPackets ? BIG_BUFFER : 2048 << random.nextInt(2);
        side.pieces = queue.size() >= 256 || side.bufferBytes == BIG_BUFFER;
        side.missing = 0;
        side.length = 0;
        side.bufferById = new int[queue.size()];
        side.waitingCount = 0;
        for (int i = Math.min(queue.size(), RECEIVE_BYTES / side.bufferBytes); i > 0; i--) {
            side.waiting[side.waitingCount++] = i - 1;
        }
        addBuffers(pair);
    }

    private final class Events implements DeviceEvents {
        @Override
        public void configChanged() {
            interrupts.release();
        }

        @Override
        public void needsReset() {
            needsReset.set(true);
            interrupts.release();
        }
    }

    private void kick(int index) {
        if (queues[index].needsNotification()) {
            kicks[index].signal();
        }
    }

    private long bufferGpa(int pair, int buffer) {
        return RECEIVE_BASE + (long) RECEIVE_BYTES * pair + (long) receive[pair].bufferBytes * buffer;
    }

    private void addBuffers(int pair) {
        ReceiveSide side = receive[pair];
        while (side.waitingCount > 0 && addBuffer(pair, side.waiting[side.waitingCount - 1])) {
            side.waitingCount--;
        }
        kick(2 * pair);
    }

    private boolean addBuffer(int pair, int buffer) {
        ReceiveSide side = receive[pair];
        long gpa = bufferGpa(pair, buffer);
        elements.clear();
        int at = 0;
        for (int cuts = side.pieces ? random.nextInt(3) : 0; cuts > 0; cuts--) {
            int piece = 1 + random.nextInt((side.bufferBytes - at) / 2);
            elements.writable(gpa + at, piece);
            at += piece;
        }
        elements.writable(gpa + at, side.bufferBytes - at);
        int id = queues[2 * pair].add(elements);
        if (id >= 0) {
            side.bufferById[id] = buffer;
        }
        return id >= 0;
    }

    // ---- sending

    /** Sends a packet by a pair; answers whether there was room. */
    boolean send(int pair, NetSoakPacket packet) {
        SendSide side = send[pair];
        if (side.freeCount == 0) {
            return false;
        }
        int slot = side.free[side.freeCount - 1];
        long table = SLOT_BASE + (long) SLOT_BYTES * (SLOTS * pair + slot);
        long gpa = table + TABLE_BYTES + random.nextInt(64);
        memory.slice(gpa, headerBytes).fill((byte) 0);
        memory.write(gpa, packet.header);
        memory.slice(gpa + headerBytes, packet.frameBytes).copyFrom(
            MemorySegment.ofArray(packet.frame).asSlice(0, packet.frameBytes));
        describe(gpa, headerBytes + packet.frameBytes);
        VirtqueueDriver queue = queues[2 * pair + 1];
        int id = random.nextBoolean() ? queue.addIndirect(elements, table) : queue.add(elements);
        if (id < 0) {
            return false;
        }
        side.freeCount--;
        side.slotById[id] = slot;
        kick(2 * pair + 1);
        return true;
    }

    /** In one piece, or in some: the header may be cut, too. */
    private void describe(long gpa, int bytes) {
        elements.clear();
        int at = 0;
        for (int cuts = random.nextInt(MAX_PIECES); cuts > 0 && bytes - at > 1; cuts--) {
            int piece = 1 + random.nextInt(random.nextBoolean() ? bytes - at - 1 : Math.min(bytes - at - 1, 64));
            elements.readable(gpa + at, piece);
            at += piece;
        }
        elements.readable(gpa + at, bytes - at);
    }

    /** Packets that were sent and whose buffers have not come back, by pairs below {@code active}. */
    int unsent(int active) {
        int count = 0;
        for (int pair = 0; pair < active; pair++) {
            count += SLOTS - send[pair].freeCount;
        }
        return count;
    }

    // ---- what comes back

    /** Takes all that the device has used; answers whether there was anything. */
    boolean poll(Receiver receiver) {
        if (needsReset.get()) {
            throw new AssertionError("the NIC wants a reset: " + device.report());
        }
        boolean any = false;
        for (int pair = 0; pair < receive.length; pair++) {
            VirtqueueDriver sent = queues[2 * pair + 1];
            for (int id; (id = sent.pollUsed()) >= 0; any = true) {
                send[pair].free[send[pair].freeCount++] = send[pair].slotById[id];
            }
            any |= pollReceived(pair, receiver);
        }
        return any;
    }

    private boolean pollReceived(int pair, Receiver receiver) {
        ReceiveSide side = receive[pair];
        VirtqueueDriver queue = queues[2 * pair];
        boolean any = false;
        for (int id; (id = queue.pollUsed()) >= 0; any = true) {
            int buffer = side.bufferById[id];
            int used = (int) queue.usedBytes();
            if (used > side.bufferBytes || side.length + used > side.packet.length) {
                throw new AssertionError("a buffer of " + side.bufferBytes + " bytes was used for " + used);
            }
            MemorySegment.ofArray(side.packet).asSlice(side.length, used)
                .copyFrom(memory.slice(bufferGpa(pair, buffer), used));
            if (side.missing == 0) {
                side.missing = (side.packet[10] & 0xFF | (side.packet[11] & 0xFF) << 8);
                if (used < headerBytes + 14 || side.missing < 1 || side.missing > 1 && !has(NetFeatures.MRG_RXBUF)) {
                    throw new AssertionError("a packet begins with " + used + " bytes and num_buffers " + side.missing);
                }
            }
            side.length += used;
            if (--side.missing == 0) {
                int length = side.length;
                side.length = 0;
                receiver.received(side.packet, headerBytes, length);
            }
            side.waiting[side.waitingCount++] = buffer;
        }
        if (any) {
            addBuffers(pair);
        }
        return any;
    }

    /** Asks for interrupts, or for those of received packets alone; answers whether something was used already. */
    boolean enableNotifications(boolean receiveAlone) {
        boolean some = false;
        for (int i = 0; i < 2 * receive.length; i += receiveAlone ? 2 : 1) {
            some |= queues[i].enableNotifications();
        }
        return some;
    }

    void disableNotifications() {
        for (int i = 0; i < 2 * receive.length; i++) {
            queues[i].disableNotifications();
        }
    }

    // ---- commands

    /** Gives a command and waits for its answer, which must be that it was done; what comes meanwhile is taken. */
    void command(int type, int command, byte[] data, Receiver receiver) throws InterruptedException {
        byte[] bytes = new byte[2 + data.length];
        bytes[0] = (byte) type;
        bytes[1] = (byte) command;
        System.arraycopy(data, 0, bytes, 2, data.length);
        memory.write(COMMAND, bytes);
        memory.write(ACK, new byte[] {77});
        VirtqueueDriver queue = queues[controlQueue];
        queue.add(elements.clear().readable(COMMAND, bytes.length).writable(ACK, 1));
        kick(controlQueue);
        for (int i = 0; queue.pollUsed() < 0; i++) {
            if (i == COMMAND_TURNS) {
                throw new AssertionError("command " + type + "." + command + " is not answered");
            }
            if (!poll(receiver)) {
                Thread.sleep(0, 100_000);
            }
        }
        byte[] ack = new byte[1];
        memory.read(ACK, ack);
        if (ack[0] != 0) {
            throw new AssertionError("command " + type + "." + command + " is answered with " + ack[0]);
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
