// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.linux.FileIo;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Packets of a driver that stores anything anywhere: what the back end gets has a header that the features allow and a length
 * that can be, a turn sends a few and no more, and no byte of the guest's changes but in the used ring (virtio 1.3 §5.1.6.2).
 */
class NetTransmitFuzzTest {

    private static final int STORE = 0;
    private static final int DESCRIBE = 1;
    private static final int EXPOSE = 2;
    private static final int SERVE = 3;
    private static final int EVENTS = 4;

    private static final int READABLE = 0;
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;

    private static final PairBackend BACKEND = new PairBackend(1, NetFeatures.OFFLOADS);
    private static final PacketMemory MEMORY = new PacketMemory(FileIo.IOV_MAX);

    /** The back end's, which nobody waits for. */
    private static final class Port implements NetPort {
        private final NetPort port = BACKEND.port(0);

        @Override
        public int descriptor() {
            return -1;
        }

        @Override
        public long send(long iovecs, int iovecCount) {
            return port.send(iovecs, iovecCount);
        }

        @Override
        public long receive(long iovecs, int iovecCount) {
            throw new AssertionError("nobody receives");
        }
    }

    private long features;
    private QueueFuzz fuzz;
    private TransmitQueue queue;

    static Stream<byte[]> seeds() {
        Seed plain = new Seed().u8(4);
        QueueFuzz.describe(plain, DESCRIBE, 0, 0x8000, 72, READABLE, 0);
        plain.u8(EXPOSE, 0, SERVE);
        Seed segmented = new Seed().u8(5);
        segmented.u8(STORE).u16(0x8000).u8(11).u8(1, 1).u16(54, 1448, 34, 16, 0);
        QueueFuzz.describe(segmented, DESCRIBE, 3, 0x8000, 12, NEXT, 4);
        QueueFuzz.describe(segmented, DESCRIBE, 4, 0x1_0000, 0x1_0000, READABLE, 0);
        segmented.u8(EXPOSE, 3, SERVE);
        Seed wrong = new Seed().u8(32);
        wrong.u8(STORE).u16(0x8000).u8(11).u8(0xff, 0x85).u16(0xffff, 0, 0xffff, 0xffff, 9);
        QueueFuzz.describe(wrong, DESCRIBE, 0, 0x8000, 80, READABLE, 0);
        QueueFuzz.describe(wrong, DESCRIBE, 1, 0x8000, 11, READABLE, 0);
        QueueFuzz.describe(wrong, DESCRIBE, 2, 0x8000, 20, NEXT, 5);
        QueueFuzz.describe(wrong, DESCRIBE, 5, 0x9000, 20, WRITE, 0);
        QueueFuzz.describe(wrong, DESCRIBE, 6, 0x8000, 0x3_8000, READABLE, 0);
        wrong.u8(EXPOSE, 0, EXPOSE, 1, EXPOSE, 2, EXPOSE, 6, SERVE, EXPOSE, 99, SERVE);
        Seed indirect = new Seed().u8(2 | 16);
        indirect.u8(STORE).u16(0x9000).u8(31).u64(0x8000).u32(20).u16(NEXT, 1).u64(0x8100).u32(60).u16(READABLE, 0);
        QueueFuzz.describe(indirect, DESCRIBE, 0, 0x9000, 32, INDIRECT, 0);
        indirect.u8(EXPOSE, 0, SERVE);
        return Stream.of(plain, segmented, wrong, indirect).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldSendOnlyWhatCanBe(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        features = QueueFuzz.features(input.u8());
        fuzz = new QueueFuzz(features);
        PortWatch watch = new PortWatch(null, new Port());
        watch.open();
        queue = new TransmitQueue(fuzz.run, watch, new Port(), fuzz.counters, fuzz.queue, MEMORY);
        queue.set(QueueFuzz.state(features), true);
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                switch (input.below(EVENTS)) {
                    case STORE -> fuzz.store(input);
                    case DESCRIBE -> fuzz.describe(input);
                    case EXPOSE -> fuzz.expose(input.u8());
                    default -> serve();
                }
            }
            serve();
        }
    }

    private void serve() {
        fuzz.before();
        long before = fuzz.counters.packets().get(NetCounter.PACKETS);
        queue.poll();
        queue.endTurn();
        long sent = fuzz.counters.packets().get(NetCounter.PACKETS) - before;
        assertTrue(sent <= TransmitQueue.TURN_BUDGET);
        long taken = 0;
        for (byte[] packet; (packet = BACKEND.take(0)) != null; taken++) {
            check(packet);
        }
        assertEquals(sent, taken);
        assertEquals(0, fuzz.queue.ring().inFlight());
        fuzz.after();
    }

    private void check(byte[] packet) {
        int frameBytes = packet.length - 12;
        assertTrue(frameBytes >= 14 && frameBytes <= NetHeader.MAX_FRAME_BYTES, "a frame of " + frameBytes);
        assertTrue(packet[0] == 0 || packet[0] == 1 && (features & NetFeatures.CSUM) != 0, "flags " + packet[0]);
        assertTrue(packet[0] == 0 || u16(packet, 6) + u16(packet, 8) + 2 <= frameBytes);
        assertTrue(u16(packet, 2) <= frameBytes);
        long needed = switch (packet[1] & 0xff) {
            case 0 -> 0;
            case 1 -> NetFeatures.HOST_TSO4;
            case 4 -> NetFeatures.HOST_TSO6;
            case 0x81 -> NetFeatures.HOST_TSO4 | NetFeatures.HOST_ECN;
            case 0x84 -> NetFeatures.HOST_TSO6 | NetFeatures.HOST_ECN;
            case 3 -> NetFeatures.HOST_UFO;
            case 0x83 -> NetFeatures.HOST_UFO | NetFeatures.HOST_ECN;
            case 5 -> NetFeatures.HOST_USO;
            case 0x85 -> NetFeatures.HOST_USO | NetFeatures.HOST_ECN;
            default -> -1L;
        };
        assertEquals(needed, features & needed, "gso_type " + packet[1]);
        assertTrue(packet[1] == 0 || u16(packet, 4) != 0);
    }

    private static int u16(byte[] bytes, int at) {
        return bytes[at] & 0xff | (bytes[at + 1] & 0xff) << 8;
    }
}
