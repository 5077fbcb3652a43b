// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.concurrent.atomic.AtomicInteger;

/** A port and its two queues, with the driver's side of both; the caller is the I/O thread. */
final class PortRig implements Port.Host, DeviceEvents, AutoCloseable {

    static final long FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
    static final long RAM_BYTES = 4 << 20;
    /** Buffers begin here. */
    static final long BUFFERS = 0x1_0000;
    private static final QueueGeometry RECEIVE = new QueueGeometry(64, 0x1000, 0x2000, 0x3000);
    private static final QueueGeometry TRANSMIT = new QueueGeometry(64, 0x4000, 0x5000, 0x6000);

    final GuestMemory ram = GuestMemory.anonymous(RAM_BYTES);
    final VirtqueueDriver receiver = VirtqueueDriver.create(ram, RECEIVE, FEATURES);
    final VirtqueueDriver sender = VirtqueueDriver.create(ram, TRANSMIT, FEATURES);
    final AtomicInteger wakes = new AtomicInteger();
    final AtomicInteger resetsAsked = new AtomicInteger();
    final AtomicInteger interrupts = new AtomicInteger();
    final Port port;
    final ReceiveQueue receiveQueue;
    final TransmitQueue transmitQueue;
    long alarmNs;
    private final EventFd kick = EventFd.create();
    private final BufferElements elements = new BufferElements();

    PortRig(int number, CharBackend backend) {
        port = new Port(new PortConfig(number, "test", number == 0 ? null : "test", backend), this);
        Scratch scratch = new Scratch();
        receiveQueue = new ReceiveQueue(queue(RECEIVE), this, port, scratch);
        transmitQueue = new TransmitQueue(queue(TRANSMIT), this, port, scratch);
        port.connect();
        port.setGuestOpen(true);
    }

    private DeviceQueue queue(QueueGeometry geometry) {
        return new DeviceQueue(0, Virtqueue.create(ram, geometry, FEATURES), kick, interrupts::incrementAndGet);
    }

    /** Makes one buffer available that the device is to read. */
    void send(long gpa, byte[] bytes) {
        ram.write(gpa, bytes);
        sender.add(elements.clear().readable(gpa, bytes.length));
        sender.publish();
    }

    /** Makes one buffer available that the device is to write. */
    void give(long gpa, int byteSize) {
        receiver.add(elements.clear().writable(gpa, byteSize));
        receiver.publish();
    }

    byte[] read(long gpa, int byteSize) {
        byte[] bytes = new byte[byteSize];
        ram.read(gpa, bytes);
        return bytes;
    }

    /** What the I/O thread does in a turn with either queue. */
    static boolean turn(ServedQueue queue) {
        boolean worked = queue.poll();
        queue.endTurn();
        return worked;
    }

    /** Turns until there is nothing to do. */
    static void settle(ServedQueue queue) {
        while (turn(queue) || queue.enableEvents()) {
            Thread.onSpinWait();
        }
    }

    @Override
    public void wake() {
        wakes.incrementAndGet();
    }

    @Override
    public void wakeAt(long deadlineNs) {
        alarmNs = deadlineNs;
    }

    @Override
    public void resized(int columns, int rows) {
        throw new AssertionError("not a terminal");
    }

    @Override
    public void configChanged() {
        throw new AssertionError("not of a queue");
    }

    @Override
    public void needsReset() {
        resetsAsked.incrementAndGet();
    }

    @Override
    public void close() {
        port.close();
        kick.close();
        ram.close();
    }
}
