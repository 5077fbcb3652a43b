// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.character.OutputPump;
import dev.miraflores.devices.character.RecordingBackend;
import dev.miraflores.virtio.ring.BufferElements;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One port's two queues (virtio 1.3 §5.3.6), and far ends that do not do what one would like. */
@Timeout(60)
class PortTest {

    private static final int PIECE = 32 << 10;
    /** What the far end may have taken before it blocked: a batch. */
    private static final int IN_HAND = 8192;

    private RecordingBackend backend = new RecordingBackend();
    private PortRig rig = new PortRig(1, backend);

    @AfterEach
    void close() {
        backend.block(false);
        rig.close();
    }

    private void useConsole() {
        rig.close();
        backend = new RecordingBackend();
        rig = new PortRig(PortConfig.CONSOLE, backend);
    }

    private static byte[] bytes(int length, int seed) {
        byte[] bytes = new byte[length];
        new java.util.Random(seed).nextBytes(bytes);
        return bytes;
    }

    private int used() {
        int count = 0;
        while (rig.sender.pollUsed() >= 0) {
            assertEquals(0, rig.sender.usedBytes());
            count++;
        }
        return count;
    }

    private void awaitWoken(int after) throws InterruptedException {
        while (rig.wakes.get() <= after) {
            Thread.sleep(1);
        }
    }

    /** Turns until the far end, which is blocked, has a batch in hand and there is room for no more behind it. */
    private void fill() {
        while (rig.port.status().sentBytes() < OutputPump.CAPACITY_BYTES + IN_HAND) {
            PortRig.settle(rig.transmitQueue);
        }
    }

    /** The guest's buffers are its own until there is room: nothing waits, is lost or piles up. */
    @Test
    @Tag("class:memory")
    @Tag("class:starvation")
    void shouldLeaveBuffersUnusedWhileTheFarEndTakesNothing() throws InterruptedException {
        backend.block(true);
        StringBuilder sent = new StringBuilder();
        for (int i = 0; i < 8; i++) {
            byte[] piece = bytes(PIECE, i);
            rig.send(PortRig.BUFFERS + (long) i * PIECE, piece);
            sent.append(new String(piece, StandardCharsets.ISO_8859_1));
        }
        fill();

        int used = used();
        assertTrue(used * PIECE <= OutputPump.CAPACITY_BYTES + IN_HAND, used + " buffers used");
        assertFalse(rig.transmitQueue.hasWork());

        backend.block(false);
        while (used < 8) {
            int wakes = rig.wakes.get();
            PortRig.settle(rig.transmitQueue);
            used += used();
            if (used < 8 && !rig.transmitQueue.hasWork()) {
                awaitWoken(wakes);
            }
        }
        assertEquals(sent.length(), backend.awaitWritten(sent.length()));
        assertEquals(sent.toString(), backend.written());
        assertEquals(0, rig.port.status().droppedBytes());
    }

    /** A buffer as large as a guest likes is sent in steps, and does not hold the thread up. */
    @Test
    @Tag("class:endless")
    void shouldSendAHugeBufferInSteps() throws InterruptedException {
        byte[] all = bytes(1 << 20, 1);
        rig.send(PortRig.BUFFERS, all);
        assertTrue(PortRig.turn(rig.transmitQueue));
        assertEquals(0, used());
        assertTrue(rig.port.status().sentBytes() <= TransmitQueue.TURN_BUDGET * Scratch.BYTES);
        while (used() == 0) {
            int wakes = rig.wakes.get();
            PortRig.settle(rig.transmitQueue);
            if (rig.transmitQueue.enableEvents() || rig.port.status().sentBytes() == all.length) {
                continue;
            }
            awaitWoken(wakes);
        }
        assertEquals(all.length, backend.awaitWritten(all.length));
        assertArrayEquals(all, backend.written().getBytes(StandardCharsets.ISO_8859_1));
    }

    @Test
    void shouldDropWhereNobodyIs() throws InterruptedException {
        rig.port.setOpen(false);
        for (int i = 0; i < 60; i++) {
            rig.send(PortRig.BUFFERS, bytes(PIECE, i));
        }
        PortRig.settle(rig.transmitQueue);
        assertEquals(60, used());
        assertEquals(60L * PIECE, rig.port.status().droppedBytes());
        assertEquals("", backend.written());

        rig.port.setOpen(true);
        rig.send(PortRig.BUFFERS, "hello".getBytes(StandardCharsets.US_ASCII));
        PortRig.settle(rig.transmitQueue);
        assertEquals(5, backend.awaitWritten(5));
        assertEquals("hello", backend.written());
    }

    /** What was for one who has gone is not for the next; of a buffer half of which was sent, the rest is not either. */
    @Test
    void shouldGiveTheNextOneWhatIsSentToIt() throws InterruptedException {
        backend.block(true);
        rig.send(PortRig.BUFFERS, bytes(4 * PIECE, 1));
        fill();
        assertFalse(rig.transmitQueue.hasWork());
        assertEquals(0, used());
        rig.port.setOpen(false);
        rig.port.setOpen(true);
        rig.send(PortRig.BUFFERS + 8 * PIECE, "hello".getBytes(StandardCharsets.US_ASCII));
        PortRig.settle(rig.transmitQueue);
        assertEquals(2, used());
        backend.block(false);
        while (!backend.written().endsWith("hello")) {
            Thread.sleep(1);
        }
        assertTrue(backend.written().length() <= IN_HAND + 5, backend.written().length() + " bytes written");
    }

    /** Linux spins until a console's buffer is used: a far end that is stuck must not be a guest that is. */
    @Test
    @Tag("class:starvation")
    void shouldGiveUpOnAConsolesFarEndThatIsStuck() throws InterruptedException {
        useConsole();
        backend.block(true);
        rig.send(PortRig.BUFFERS, bytes(4 * PIECE, 1));
        fill();
        assertFalse(rig.transmitQueue.hasWork());
        assertEquals(0, used());
        assertTrue(rig.alarmNs != 0);
        while (System.nanoTime() < rig.alarmNs) {
            Thread.sleep(10);
        }
        PortRig.settle(rig.transmitQueue);
        assertEquals(1, used());
        long dropped = rig.port.status().droppedBytes();
        assertTrue(dropped > 0);

        rig.send(PortRig.BUFFERS, bytes(100, 1));
        PortRig.settle(rig.transmitQueue);
        assertEquals(1, used());
        assertEquals(dropped + 100, rig.port.status().droppedBytes());

        int wakes = rig.wakes.get();
        backend.block(false);
        awaitWoken(wakes);
        rig.send(PortRig.BUFFERS, "hello".getBytes(StandardCharsets.US_ASCII));
        PortRig.settle(rig.transmitQueue);
        assertEquals(1, used());
        while (!backend.written().endsWith("hello")) {
            Thread.sleep(1);
        }
    }

    @Test
    @Tag("virtio:2.7.5.1/readable")
    void shouldPutInputIntoBuffersAsItComes() {
        rig.give(PortRig.BUFFERS, 4096);
        rig.give(PortRig.BUFFERS + 4096, 3);
        PortRig.settle(rig.receiveQueue);
        assertTrue(rig.receiver.pollUsed() < 0);

        assertEquals(5, rig.port.offer("hello".getBytes(StandardCharsets.US_ASCII), 0, 5));
        assertEquals(1, rig.wakes.get() - 1, "one wake for it, one for who is there");
        PortRig.settle(rig.receiveQueue);
        assertTrue(rig.receiver.pollUsed() >= 0);
        assertEquals(5, rig.receiver.usedBytes());
        assertArrayEquals("hello".getBytes(StandardCharsets.US_ASCII), rig.read(PortRig.BUFFERS, 5));
        assertEquals(1, rig.interrupts.get());

        rig.port.offer("again".getBytes(StandardCharsets.US_ASCII), 0, 5);
        PortRig.settle(rig.receiveQueue);
        assertTrue(rig.receiver.pollUsed() >= 0);
        assertEquals(3, rig.receiver.usedBytes());
        assertFalse(rig.receiveQueue.hasWork());
        rig.give(PortRig.BUFFERS, 4096);
        PortRig.settle(rig.receiveQueue);
        assertTrue(rig.receiver.pollUsed() >= 0);
        assertEquals(2, rig.receiver.usedBytes());
    }

    /** Input waits for the guest, and its sender for input. */
    @Test
    @Tag("class:memory")
    void shouldHoldABoundedAmountOfInput() throws InterruptedException {
        byte[] much = new byte[Port.INPUT_BYTES + 1000];
        assertEquals(Port.INPUT_BYTES, rig.port.offer(much, 0, much.length));
        assertEquals(0, rig.port.offer(much, 0, much.length));
        Thread sender = Thread.ofPlatform().start(() -> {
            try {
                rig.port.put(much, 0, 1000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        while (sender.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        rig.give(PortRig.BUFFERS, Port.INPUT_BYTES);
        PortRig.settle(rig.receiveQueue);
        sender.join();
        rig.give(PortRig.BUFFERS, 4096);
        PortRig.settle(rig.receiveQueue);
        assertEquals(Port.INPUT_BYTES + 1000, rig.port.status().receivedBytes());
    }

    @Test
    void shouldKeepInputUntilTheGuestHasThePortOpenAgain() {
        rig.port.offer("hello".getBytes(StandardCharsets.US_ASCII), 0, 5);
        rig.port.setGuestOpen(false);
        rig.give(PortRig.BUFFERS, 4096);
        assertFalse(PortRig.turn(rig.receiveQueue));
        assertFalse(rig.receiveQueue.enableEvents());
        rig.port.setGuestOpen(true);
        assertTrue(PortRig.turn(rig.receiveQueue));
        assertTrue(rig.receiver.pollUsed() >= 0);
    }

    /** What it says waits at its own end, so that it can take it along. */
    @Test
    void shouldTakeNothingUntilTheGuestHasThePortOpen() throws InterruptedException {
        rig.port.setGuestOpen(false);
        byte[] hello = "hello".getBytes(StandardCharsets.US_ASCII);
        assertEquals(0, rig.port.offer(hello, 0, 5));
        assertEquals(0, rig.port.offer(hello, 0, 5, 1));
        Thread sender = Thread.ofPlatform().start(() -> {
            try {
                rig.port.put(hello, 0, 5);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        while (sender.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        assertFalse(rig.port.hasInput());
        rig.port.setGuestOpen(true);
        sender.join();
        assertTrue(rig.port.hasInput());
    }

    /** A console has nobody who would open it, and may be typed ahead to. */
    @Test
    void shouldTakeWhatIsTypedAheadToAConsole() {
        useConsole();
        rig.port.setGuestOpen(false);
        assertEquals(5, rig.port.offer("hello".getBytes(StandardCharsets.US_ASCII), 0, 5));
        rig.port.setOpen(false);
        rig.port.setGuestOpen(true);
        assertTrue(rig.port.hasInput());
    }

    /** Of two who talked, both have gone, in either order. */
    @Test
    void shouldDropInputOfOneWhoHasGoneForOneWhoHasGone() {
        byte[] hello = "hello".getBytes(StandardCharsets.US_ASCII);
        rig.port.offer(hello, 0, 5);
        rig.port.setOpen(false);
        assertTrue(rig.port.hasInput(), "the guest may be about to read it");
        rig.port.setGuestOpen(false);
        assertFalse(rig.port.hasInput());

        rig.port.setOpen(true);
        rig.port.setGuestOpen(true);
        rig.port.offer(hello, 0, 5);
        rig.port.setGuestOpen(false);
        assertTrue(rig.port.hasInput(), "the guest may open it again");
        rig.port.setOpen(false);
        assertFalse(rig.port.hasInput());
    }

    /** Buffers of the wrong kind, and malformed ones, go back with nothing; those of the right kind then work. */
    @Test
    @Tag("class:leak")
    void shouldReturnUselessBuffersWithNothing() throws InterruptedException {
        BufferElements elements = new BufferElements();
        byte[] before = bytes(64, 9);
        rig.ram.write(PortRig.BUFFERS, before);
        rig.receiver.add(elements.clear().readable(PortRig.BUFFERS, 64));
        rig.receiver.add(elements.clear().writable(PortRig.RAM_BYTES - 1, 64));
        rig.give(PortRig.BUFFERS + 64, 64);
        rig.port.offer("hello".getBytes(StandardCharsets.US_ASCII), 0, 5);
        PortRig.settle(rig.receiveQueue);
        for (int expected : new int[] {0, 0, 5}) {
            assertTrue(rig.receiver.pollUsed() >= 0);
            assertEquals(expected, rig.receiver.usedBytes());
        }
        assertArrayEquals(before, rig.read(PortRig.BUFFERS, 64));

        rig.sender.add(elements.clear().writable(PortRig.BUFFERS, 64));
        rig.sender.add(elements.clear().readable(-1, 64));
        rig.sender.add(elements.clear().readable(PortRig.BUFFERS + 64, 5).writable(PortRig.BUFFERS, 64));
        rig.sender.publish();
        PortRig.settle(rig.transmitQueue);
        assertEquals(3, used());
        assertEquals(5, backend.awaitWritten(5));
        assertEquals("hello", backend.written());
        assertArrayEquals(before, rig.read(PortRig.BUFFERS, 64));
        assertEquals(0, rig.resetsAsked.get());
    }

    /** virtio 1.3 §2.1.2. */
    @Test
    void shouldAskForResetOnceWhenRingBreaks() {
        rig.ram.write(0x5002, new byte[] {(byte) 0xff, (byte) 0x7f});
        assertTrue(PortRig.turn(rig.transmitQueue));
        assertFalse(PortRig.turn(rig.transmitQueue));
        assertFalse(rig.transmitQueue.enableEvents());
        assertEquals(1, rig.resetsAsked.get());
    }

    /** What is queued is written out at the end; a far end that is stuck holds the end up for a bounded time. */
    @Test
    void shouldEndInBoundedTime() throws InterruptedException {
        rig.send(PortRig.BUFFERS, bytes(1000, 1));
        PortRig.settle(rig.transmitQueue);
        rig.port.close();
        assertEquals(1000, backend.written().length());
        assertTrue(backend.isClosed());
        assertEquals(0, rig.port.offer(new byte[1], 0, 1));

        RecordingBackend stuck = new RecordingBackend();
        try (PortRig another = new PortRig(1, stuck)) {
            stuck.block(true);
            another.send(PortRig.BUFFERS, bytes(1000, 1));
            PortRig.settle(another.transmitQueue);
            another.port.close();
        }
    }
}
