// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.character.RecordingBackend;
import dev.miraflores.virtio.ring.BufferElements;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;

/** Bytes arrive in order and whole, both ways, whatever the framing and whoever stalls (virtio 1.3 §2.7.4.1, §5.3.6). */
class PortProperties {

    private static final int SLOT = 48 << 10;
    private static final int SLOTS = 32;

    @Property(tries = 60)
    @Tag("virtio:2.7.4.1/any")
    void shouldSendInOrder(@ForAll long seed, @ForAll @IntRange(min = 1, max = 40) int buffers, @ForAll boolean stalls) {
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> send(new Random(seed), buffers, stalls));
    }

    private static void send(Random random, int buffers, boolean stalls) throws InterruptedException {
        RecordingBackend backend = new RecordingBackend();
        ByteArrayOutputStream sent = new ByteArrayOutputStream();
        try (PortRig rig = new PortRig(1, backend)) {
            int made = 0;
            int used = 0;
            while (used < buffers) {
                if (stalls) {
                    backend.block(random.nextInt(3) == 0);
                }
                while (made < buffers && made - used < SLOTS && random.nextInt(4) != 0
                        && rig.sender.freeDescriptors() >= 8) {
                    rig.sender.add(framed(rig, random, made % SLOTS, sent));
                    rig.sender.publish();
                    made++;
                }
                PortRig.turn(rig.transmitQueue);
                while (rig.sender.pollUsed() >= 0) {
                    used++;
                }
            }
            backend.block(false);
            assertEquals(sent.size(), backend.awaitWritten(sent.size()));
            assertArrayEquals(sent.toByteArray(), backend.written().getBytes(StandardCharsets.ISO_8859_1));
        }
    }

    /** Some bytes in one to eight elements, of which some may be empty. */
    private static BufferElements framed(PortRig rig, Random random, int slot, ByteArrayOutputStream sent) {
        BufferElements elements = new BufferElements();
        int count = 1 + random.nextInt(8);
        int room = SLOT / count;
        for (int i = 0; i < count; i++) {
            byte[] bytes = new byte[random.nextInt(random.nextBoolean() ? 10 : room)];
            random.nextBytes(bytes);
            long gpa = PortRig.BUFFERS + (long) slot * SLOT + (long) i * room;
            rig.ram.write(gpa, bytes);
            elements.readable(gpa, bytes.length);
            sent.writeBytes(bytes);
        }
        return elements;
    }

    @Property(tries = 60)
    @Tag("virtio:2.7.4.1/any")
    @Tag("virtio:2.7.8.2/len-written")
    void shouldReceiveInOrder(@ForAll long seed, @ForAll @IntRange(min = 0, max = 200_000) int length) {
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> receive(new Random(seed), length));
    }

    private static void receive(Random random, int length) throws InterruptedException {
        byte[] all = new byte[length];
        random.nextBytes(all);
        ByteArrayOutputStream received = new ByteArrayOutputStream();
        try (PortRig rig = new PortRig(1, new RecordingBackend())) {
            Thread host = Thread.ofPlatform().daemon().start(() -> putInPieces(rig.port, all, new Random(length)));
            Deque<BufferElements> given = new ArrayDeque<>();
            while (received.size() < length) {
                while (given.size() < 8 && random.nextInt(3) != 0) {
                    BufferElements buffer = new BufferElements();
                    int slot = given.isEmpty() ? 0 : random.nextInt(1 << 10) + 1;
                    long gpa = PortRig.BUFFERS + (long) (slot % SLOTS) * SLOT;
                    if (given.stream().anyMatch(other -> other.gpa(0) == gpa)) {
                        continue;
                    }
                    int first = random.nextInt(3000);
                    buffer.writable(gpa, first).writable(gpa + first, 1 + random.nextInt(random.nextBoolean() ? 10 : 20_000));
                    rig.receiver.add(buffer);
                    rig.receiver.publish();
                    given.add(buffer);
                }
                PortRig.turn(rig.receiveQueue);
                while (rig.receiver.pollUsed() >= 0) {
                    BufferElements buffer = given.remove();
                    int bytes = (int) rig.receiver.usedBytes();
                    assertTrue(bytes > 0 && bytes <= buffer.byteSize(0) + buffer.byteSize(1), bytes + " bytes");
                    received.writeBytes(rig.read(buffer.gpa(0), bytes));
                }
            }
            host.join();
            assertArrayEquals(all, received.toByteArray());
        }
    }

    private static void putInPieces(Port port, byte[] all, Random random) {
        try {
            int done = 0;
            while (done < all.length) {
                int piece = Math.min(all.length - done, 1 + random.nextInt(random.nextBoolean() ? 10 : 50_000));
                port.put(all, done, piece);
                done += piece;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
