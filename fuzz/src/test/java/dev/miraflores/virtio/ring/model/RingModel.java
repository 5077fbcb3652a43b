// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.Choices;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Recording;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.Virtqueue;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * One queue: a driver of which {@link Choices} say what it does, the device under test, and beside it
 * {@link ReferenceDevice}. After each step both devices have found the same and stored the same.
 * <p>While the driver keeps to the rules, moreover: no fault; buffers come out as they went in, and come back as they
 * were given back; and nobody who sleeps has something to do.
 */
public final class RingModel {

    private static final int DRIVER_MOVES = 8;
    private static final int MOVES = 18;
    private static final int STEPS_AFTER_THE_END = 12;
    private static final int LARGE_SIZE = 256;
    private static final int INPUTS = 24;
    private static final int INPUT_STEPS = 120;
    /** One for all inputs: making memory takes longer than an input does. */
    private static final ModelMemory FUZZED = new ModelMemory(RingShape.SMALL_BYTES);

    private final ModelMemory memory;
    private final Choices choices;
    /** In how many steps the driver misbehaves once; 0 for never. */
    private final int honesty;
    private final RingShape shape;
    private Virtqueue device;
    private ReferenceDevice reference;
    private ModelDriver driver;
    private final DeviceBytes bytes;

    /** Ids that the device has and not given back. */
    private final List<Popped> popped = new ArrayList<>();
    /** What the driver must find, in this order. */
    private final Deque<ModelDriver.Used> toSee = new ArrayDeque<>();
    /** Those that the driver made available, or will with its next publishing, and the device has not popped. */
    private final Deque<ModelDriver.Added> available = new ArrayDeque<>();
    /** With VIRTIO_F_IN_ORDER: ids as they were popped, and those of them that were given back out of that order. */
    private final Deque<Integer> order = new ArrayDeque<>();
    private final Map<Integer, ModelDriver.Used> waiting = new HashMap<>();
    private int unpublished;
    private boolean deviceSleeps;
    private boolean driverSleeps;
    private int driverWaitsFor;
    private int stepsAfterTheEnd;
    private final Tally tally;
    private long operations;

    private record Popped(int id, long writable) {
    }

    private RingModel(ModelMemory memory, Choices choices, RingShape shape, int honesty, Tally tally) {
        this.memory = memory;
        this.tally = tally;
        this.choices = choices;
        this.shape = shape;
        this.honesty = honesty;
        this.bytes = new DeviceBytes(memory, choices);
    }

    /** A driver that breaks no rule. */
    public static void honest(ModelMemory memory, Choices choices, boolean packed, int steps, Tally tally) {
        new RingModel(memory, choices, RingShape.tidy(choices, packed, memory), 0, tally).run(steps);
    }

    /** A driver that breaks rules, now and then or all the time, on a queue that may lie anywhere. */
    public static void hostile(ModelMemory memory, Choices choices, boolean packed, int steps, Tally tally) {
        RingShape shape = choices.oneIn(4) ? RingShape.any(choices, packed) : RingShape.tidy(choices, packed, memory);
        new RingModel(memory, choices, shape, 1 + choices.below(40), tally).run(steps);
    }

    /** An input of a fuzzer as a hostile run. */
    public static void replay(byte[] input, boolean packed) {
        try (Bounds _ = new Bounds()) {
            hostile(FUZZED, new FuzzInput(input), packed, Integer.MAX_VALUE, new Tally());
        }
    }

    /** Inputs that get far. */
    public static Stream<byte[]> inputs(boolean packed) {
        return LongStream.range(0, INPUTS).mapToObj(seed -> {
            Recording recording = new Recording(seed);
            hostile(FUZZED, recording, packed, INPUT_STEPS, new Tally());
            return recording.seed().bytes();
        });
    }

    private void run(int steps) {
        memory.clear();
        DriverFault fault = Virtqueue.check(memory.guest, shape.geometry(), shape.features());
        Set<DriverFault> broken = ReferenceDevice.brokenBy(memory, shape.geometry(), shape.packed());
        assertTrue(fault == null ? broken.isEmpty() : broken.contains(fault), () -> fault + ", expected " + broken);
        if (fault != null) {
            tally.count(1, fault);
            return;
        }
        // The driver initialises the queue before it enables it.
        driver = ModelDriver.of(memory, shape, choices);
        device = Virtqueue.create(memory.guest, shape.geometry(), shape.features(), shape.position());
        reference = ReferenceDevice.of(memory, shape.geometry(), shape.features(), shape.position());
        while (operations < steps && choices.hasMore() && stepsAfterTheEnd < STEPS_AFTER_THE_END) {
            step();
            compare();
        }
        if (driver.honest) {
            finish();
        }
        memory.assertSame();
        tally.count(operations, device.fault());
    }

    private void step() {
        operations++;
        if (honesty != 0 && choices.below(honesty) == 0) {
            driver.misbehave();
            return;
        }
        int move = choices.below(MOVES);
        if (move < DRIVER_MOVES) {
            driverMove(move);
        } else {
            deviceMove(move);
        }
    }

    private void driverMove(int move) {
        switch (move) {
            case 0, 1, 2 -> add();
            case 3, 4 -> publish();
            case 5, 6 -> see();
            default -> {
                if (choices.oneIn(2)) {
                    driverToSleep();
                } else {
                    driver.suppressNotifications();
                    driverSleeps = false;
                }
            }
        }
    }

    private void deviceMove(int move) {
        switch (move) {
            case 8, 9, 10, 11 -> pop();
            case 12, 13, 14 -> giveBack();
            case 15 -> publishAndAsk();
            case 16 -> {
                device.publish();
                reference.publish();
            }
            default -> {
                if (choices.oneIn(2)) {
                    enable();
                } else {
                    device.disableNotifications();
                    reference.disableNotifications();
                    deviceSleeps = false;
                }
            }
        }
    }

    private void add() {
        ModelDriver.Added buffer = driver.add();
        if (buffer != null) {
            available.add(buffer);
            unpublished++;
        } else if (!driver.honest) {
            driver.forget();
        }
    }

    private void publish() {
        boolean notify = driver.publish();
        unpublished = 0;
        deviceSleeps &= !notify;
        if (driver.honest && deviceSleeps) {
            assertTrue(available.isEmpty(), "the device sleeps on available buffers");
        }
    }

    private boolean see() {
        ModelDriver.Used used = driver.poll();
        driverSleeps &= used == null;
        if (driver.honest) {
            if (used != null) {
                assertEquals(toSee.remove(), used);
            }
            return used != null;
        }
        return false;
    }

    private void driverToSleep() {
        int inFlight = shape.packed() ? shape.size() - driver.freeDescriptors() : driver.inFlight.size();
        int count = driver.eventIdx && driver.honest && !driver.inOrder ? 1 + choices.below(Math.max(1, inFlight)) : 1;
        driver.askForNotification(count);
        if (driver.honest) {
            driverWaitsFor = count;
            driverSleeps = driver.usedAndNotSeen() < count;
        }
    }

    private void pop() {
        boolean hasAvailable = reference.hasAvailable();
        assertEquals(hasAvailable, device.hasAvailable());
        Outcome expected = reference.pop();
        DescriptorChain chain = device.popChain();
        switch (expected) {
            case Outcome.Nothing _ -> assertNull(chain);
            case Outcome.Ended(DriverFault fault) -> {
                assertNull(chain);
                assertEquals(fault, device.fault());
                assertTrue(fault.endsQueue());
            }
            case Outcome.Buffer(int head, Set<DriverFault> broken, List<Element> elements) -> {
                assertNotNull(chain);
                assertEquals(head, chain.head());
                assertBuffer(chain, broken, elements);
                popped.add(new Popped(head, chain.fault() == null ? chain.writableBytes() : 0));
            }
        }
        if (driver.honest) {
            assertSame(chain);
        }
    }

    private void assertBuffer(DescriptorChain chain, Set<DriverFault> broken, List<Element> elements) {
        if (broken.isEmpty()) {
            assertNull(chain.fault());
            assertEquals(elements, Element.of(chain));
            bytes.readAndWrite(chain, elements);
        } else {
            tally.count(0, chain.fault());
            assertTrue(broken.contains(chain.fault()), () -> chain.fault() + ", expected one of " + broken);
            assertFalse(chain.fault().endsQueue());
            assertEquals(0, chain.count());
            assertEquals(0, chain.readableBytes() + chain.writableBytes());
        }
    }

    /** What the driver put in comes out: this does not rest on the reference. */
    private void assertSame(DescriptorChain chain) {
        assertNull(device.fault());
        assertEquals(available.size() == unpublished, chain == null);
        if (chain != null) {
            ModelDriver.Added buffer = available.remove();
            assertNull(chain.fault());
            assertEquals(buffer.id(), chain.head());
            assertEquals(buffer.elements(), Element.of(chain));
            order.add(buffer.id());
        }
    }

    private void giveBack() {
        if (popped.isEmpty() && !choices.oneIn(16)) {
            return;
        }
        if (popped.isEmpty()) {
            assertThrows(IllegalStateException.class, () -> device.addUsed(choices.below(shape.size()), 0));
            return;
        }
        Popped buffer = popped.remove(choices.oneIn(2) ? choices.below(popped.size()) : 0);
        long most = Math.min(buffer.writable, 0xFFFF_FFFFL);
        long written = choices.oneIn(3) || most == 0 ? most : most < 1 << 30 ? choices.below((int) most + 1) : most - 1;
        if (!driver.honest && choices.oneIn(8)) {
            written = choices.number(4);
        }
        device.addUsed(buffer.id, (int) written);
        reference.giveBack(buffer.id, written);
        expectUsed(buffer.id, written);
    }

    private void expectUsed(int id, long written) {
        if (!driver.honest) {
            return;
        }
        ModelDriver.Used used = new ModelDriver.Used(id, written);
        if (driver.inOrder) {
            waiting.put(id, used);
            while (!order.isEmpty() && waiting.containsKey(order.getFirst())) {
                toSee.add(waiting.remove(order.removeFirst()));
            }
        } else {
            toSee.add(used);
        }
    }

    private void publishAndAsk() {
        ReferenceDevice.Due due = reference.publishAndAsk();
        boolean notify = device.needsNotification();
        if (due != ReferenceDevice.Due.EITHER) {
            assertEquals(due == ReferenceDevice.Due.YES, notify);
        }
        driverSleeps &= !notify;
        if (driver.honest && driverSleeps) {
            assertTrue(driver.usedAndNotSeen() < driverWaitsFor, "the driver sleeps on used buffers");
        }
    }

    private void enable() {
        boolean more = device.enableNotifications();
        assertEquals(reference.enableNotifications(), more);
        deviceSleeps = !more;
    }

    private void compare() {
        assertEquals(reference.ended, device.fault());
        assertEquals(reference.inFlight, device.inFlight());
        assertTrue(popped.size() == device.inFlight() || driver.inOrder && popped.size() < device.inFlight());
        assertTrue(device.inFlight() <= shape.size());
        stepsAfterTheEnd += reference.ended != null ? 1 : 0;
        if (shape.size() > LARGE_SIZE && operations % LARGE_SIZE != 0) {
            return; // looked at now and then: it takes long
        }
        memory.assertSame(shape.geometry().deviceGpa(), shape.packed() ? 4 : 6 + 8L * shape.size());
        if (shape.packed()) {
            memory.assertSame(shape.geometry().descGpa(), 16L * shape.size());
        }
    }

    /** All that an honest driver made available goes round. */
    private void finish() {
        publish();
        while (!available.isEmpty()) {
            pop();
        }
        while (!popped.isEmpty()) {
            giveBack();
        }
        publishAndAsk();
        while (see()) {
            operations++;
        }
        assertTrue(toSee.isEmpty());
        driver.assertAllBack();
    }
}
