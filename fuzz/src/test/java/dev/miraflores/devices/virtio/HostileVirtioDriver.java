// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.testkit.TransportDriver;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * A driver that accesses a device's registers as an input says, in any order, width and phase, with rings of its
 * making in guest memory; the device behind serves its queues whenever it is notified.
 * <p>What holds: nothing is thrown; the device is activated and reset in turn (it checks that itself); a queue's size
 * stays what it was at activation; a notification costs two queues' worth of chains at most; doorbells and
 * message routes stay within the number of queues and vectors; and a reset takes everything back.
 */
final class HostileVirtioDriver {

    static final int ACCESS = 0;
    static final int START = 1;
    static final int NOTIFY = 2;
    static final int STORE = 3;
    static final int DESCRIBE = 4;
    static final int EXPOSE = 5;
    static final int INTERRUPT = 6;
    private static final int EVENTS = 7;

    static final int ALL_STEPS = 7;
    static final int QUEUE_GPA = 0x1000;
    private static final int AREA_BYTES = 0x1000;
    private static final int QUEUE_BYTES = 0x3000;

    static final GuestMemory RAM = GuestMemory.anonymous(0x1_0000);

    private final TestMachine machine;
    private final FakeVirtioDevice device;
    private final TransportDriver driver;
    private final long[] areas;
    private VirtioActivation activation;
    private final int[] sizes = new int[FakeVirtioDevice.QUEUES];

    /** @param areas where registers are, a page each */
    HostileVirtioDriver(TestMachine machine, FakeVirtioDevice device, TransportDriver driver, long... areas) {
        this.machine = machine;
        this.device = device;
        this.driver = driver;
        this.areas = areas;
        RAM.slice(0, RAM.byteSize()).fill((byte) 0);
    }

    /** A device that is started, gets a chain of two descriptors, and is told of it. */
    static Seed request() {
        Seed seed = new Seed().u8(START, ALL_STEPS, 3).u16(8).u8(QUEUE_GPA >> 12);
        seed.u8(DESCRIBE, 0, 0).u64(0x8000).u32(16).u16(1, 1);
        seed.u8(DESCRIBE, 0, 1).u64(0x9000).u32(0x1000).u16(2, 0);
        return seed.u8(EXPOSE, 0, 0, NOTIFY, 0, INTERRUPT, 0);
    }

    static Seed access(Seed seed, int area, int offset, int widthLog, long value) {
        return seed.u8(ACCESS, area).u16(offset).u8(4 | widthLog).number(1 << widthLog, value);
    }

    /** Reads each of the first {@code byteSize} bytes of an area as the start of a register, in each width that fits. */
    static Seed sweep(Seed seed, int area, int byteSize) {
        for (int offset = 0; offset < byteSize; offset++) {
            for (int widthLog = 0; offset % (1 << widthLog) == 0 && widthLog < 4; widthLog++) {
                seed.u8(ACCESS, area).u16(offset).u8(widthLog);
            }
        }
        return seed;
    }

    void run(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                happen(input);
                settle();
            }
            driver.writeStatus(0);
        }
    }

    private void happen(FuzzInput input) {
        switch (input.below(EVENTS)) {
            case ACCESS -> access(input);
            case START -> start(input.u8(), input.u8(), input.u16(), (long) input.u8() << 12);
            case NOTIFY -> driver.notifyQueue(input.u8());
            case STORE -> RAM.write(input.u16(), input.take(1 + input.below(16)));
            case DESCRIBE -> RAM.write(queueGpa(input.u8()) + 16L * input.u8(), input.take(16));
            case EXPOSE -> expose(queueGpa(input.u8()) + 0x1000, input.u8());
            default -> interrupt(input.below(FakeVirtioDevice.QUEUES));
        }
    }

    /** Bit 2 of the second byte says whether to write. */
    private void access(FuzzInput input) {
        long gpa = areas[input.below(areas.length)] + input.u16() % AREA_BYTES;
        int kind = input.u8();
        int byteSize = 1 << (kind & 3);
        if ((kind & 4) != 0) {
            machine.write(gpa, byteSize, input.number(byteSize));
        } else {
            machine.read(gpa, byteSize);
        }
    }

    /** So many of the steps that start a device, in their order (virtio 1.3 §3.1.1). */
    private void start(int steps, int features, int size, long gpa) {
        int left = steps % (ALL_STEPS + 1);
        if (left-- > 0) {
            driver.writeStatus(0);
            driver.addStatus(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
        }
        if (left-- > 0) {
            driver.acceptFeatures(RingFeatures.VERSION_1
                | ((features & 1) != 0 ? RingFeatures.EVENT_IDX : 0) | ((features & 2) != 0 ? RingFeatures.INDIRECT_DESC : 0)
                | ((features & 4) != 0 ? RingFeatures.RING_PACKED : 0));
        }
        if (left-- > 0) {
            driver.addStatus(DeviceStatus.FEATURES_OK);
        }
        for (int queue = 0; queue < FakeVirtioDevice.QUEUES && left-- > 0; queue++) {
            long start = gpa + (long) queue * QUEUE_BYTES;
            driver.placeQueue(queue, new QueueGeometry(size, start, start + 0x1000, start + 0x2000));
            driver.enableQueue(queue);
        }
        if (left > 0) {
            driver.addStatus(DeviceStatus.DRIVER_OK);
        }
    }

    private static long queueGpa(int queue) {
        return QUEUE_GPA + (long) QUEUE_BYTES * (queue % FakeVirtioDevice.QUEUES);
    }

    /** Makes a head available in a ring of 8 entries, whatever size the queue has. */
    private static void expose(long availGpa, int head) {
        byte[] idx = new byte[2];
        RAM.read(availGpa + 2, idx);
        int value = idx[0] & 0xff | (idx[1] & 0xff) << 8;
        RAM.write(availGpa + 4 + 2L * (value & 7), new byte[] {(byte) head, 0});
        RAM.write(availGpa + 2, new byte[] {(byte) (value + 1), (byte) (value + 1 >>> 8)});
    }

    /** The device's side wants to say something, in whatever state the registers are. */
    private void interrupt(int queue) {
        if (device.isActive()) {
            if (device.activation().queues().get(queue) != null) {
                device.activation().queues().get(queue).interrupt().run();
            }
            device.activation().events().configChanged();
        }
    }

    private void settle() {
        if (device.activation() != activation) {
            activation = device.activation();
            for (int i = 0; i < sizes.length; i++) {
                sizes[i] = size(i);
            }
        }
        for (int i = 0; i < sizes.length; i++) {
            assertEquals(sizes[i], size(i));
            assertTrue(device.serveIfKicked(i) <= 2 * FakeVirtioDevice.MAX_SIZE);
        }
        assertTrue(machine.doorbells.count() <= (device.isActive() ? FakeVirtioDevice.QUEUES : 0));
        assertTrue(machine.msis.connections() <= FakeVirtioDevice.QUEUES + 1);
        machine.msis.takeMessages();
    }

    private int size(int queue) {
        DeviceQueue made = activation == null ? null : activation.queues().get(queue);
        return made == null ? 0 : made.ring().size();
    }

    /** After the device is closed: it has been told, and nothing of it is left with the machine. */
    void assertGone() {
        assertFalse(device.isActive());
        assertEquals("close", device.calls.getLast());
        assertEquals(0, machine.doorbells.count());
        assertEquals(0, machine.msis.connections());
    }
}
