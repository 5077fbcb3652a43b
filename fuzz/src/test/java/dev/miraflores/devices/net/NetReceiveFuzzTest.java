// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Packets of a network that sends anything, to a driver that stores anything anywhere: nothing is written but to what the driver has called
 * device-writable, and each packet is delivered or dropped once (virtio 1.3 §5.1.6.4).
 */
class NetReceiveFuzzTest {

    private static final int STORE = 0;
    private static final int DESCRIBE = 1;
    private static final int EXPOSE = 2;
    private static final int SERVE = 3;
    private static final int PACKET = 4;
    private static final int LARGE_PACKET = 5;
    private static final int FILTER = 6;
    private static final int HASH = 7;
    private static final int EVENTS = 8;

    private static final int NEXT = 1;
    private static final int WRITE = 2;

    private static final PairBackend BACKEND = new PairBackend(1, NetFeatures.OFFLOADS);
    private static final PacketMemory MEMORY = new PacketMemory(ReceiveQueue.IOVECS);

    /** The back end's, which nobody waits for. */
    private static final class Port implements NetPort {
        private final NetPort port = BACKEND.port(0);

        @Override
        public int descriptor() {
            return -1;
        }

        @Override
        public long send(long iovecs, int iovecCount) {
            throw new AssertionError("nobody sends");
        }

        @Override
        public long receive(long iovecs, int iovecCount) {
            return port.receive(iovecs, iovecCount);
        }
    }

    private QueueFuzz fuzz;
    private ReceiveQueue queue;
    private PortWatch watch;
    private NetState state;
    private long injected;

    static Stream<byte[]> seeds() {
        Seed plain = new Seed().u8(4 | 8);
        QueueFuzz.describe(plain, DESCRIBE, 0, 0x8000, 2048, WRITE, 0);
        plain.u8(EXPOSE, 0, PACKET, 72).raw(new byte[72]).u8(SERVE);
        Seed merged = new Seed().u8(4 | 8 | 1);
        for (int i = 0; i < 8; i++) {
            QueueFuzz.describe(merged, DESCRIBE, i, 0x8000 + 0x400L * i, 0x200, WRITE, 0);
            merged.u8(EXPOSE, i);
        }
        merged.u8(LARGE_PACKET).u16(3000).u8(7, SERVE);
        Seed held = new Seed().u8(4 | 8);
        QueueFuzz.describe(held, DESCRIBE, 0, 0x8000, 500, WRITE, 0);
        QueueFuzz.describe(held, DESCRIBE, 1, 0x9000, 100, NEXT | WRITE, 2);
        QueueFuzz.describe(held, DESCRIBE, 2, 0xa000, 5000, WRITE, 0);
        held.u8(EXPOSE, 0, LARGE_PACKET).u16(3000).u8(7, SERVE, EXPOSE, 1, SERVE);
        Seed wrong = new Seed().u8(32);
        QueueFuzz.describe(wrong, DESCRIBE, 0, 0x8000, 11, WRITE, 0);
        QueueFuzz.describe(wrong, DESCRIBE, 1, 0x8000, 2000, 0, 0);
        QueueFuzz.describe(wrong, DESCRIBE, 2, 0x8000, 64, WRITE, 0);
        QueueFuzz.describe(wrong, DESCRIBE, 3, 0x8000, 0x2_0000, WRITE, 0);
        wrong.u8(EXPOSE, 0, EXPOSE, 1, EXPOSE, 2, EXPOSE, 3, PACKET, 3, 1, 2, 3, PACKET, 90, 0xff, 0xff).raw(new byte[88]);
        wrong.u8(LARGE_PACKET).u16(0xffff).u8(0, SERVE, EXPOSE, 77, SERVE);
        Seed hashed = new Seed().u8(16 | 8);
        QueueFuzz.describe(hashed, DESCRIBE, 0, 0x8000, 2048, WRITE, 0);
        hashed.u8(HASH, 0x3f, FILTER, 0, EXPOSE, 0, PACKET, 66).raw(new byte[24]).u8(8, 0, 0x45).raw(new byte[39]).u8(SERVE);
        return Stream.of(plain, merged, held, wrong, hashed).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldWriteOnlyWhereTheDriverSays(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        long features = QueueFuzz.features(input.u8());
        fuzz = new QueueFuzz(features);
        watch = new PortWatch(null, new Port());
        watch.open();
        queue = new ReceiveQueue(fuzz.run, watch, new Port(), fuzz.counters, fuzz.queue, MEMORY);
        state = QueueFuzz.state(features);
        queue.set(state, true);
        injected = 0;
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                step(input);
            }
            serve();
        } finally {
            drain();
        }
    }

    private void step(FuzzInput input) {
        switch (input.below(EVENTS)) {
            case STORE -> fuzz.store(input);
            case DESCRIBE -> fuzz.describe(input);
            case EXPOSE -> fuzz.expose(input.u8());
            case PACKET -> inject(input.take(1 + input.below(255)));
            case LARGE_PACKET -> {
                byte[] packet = new byte[input.u16() + 1];
                packet[0] = (byte) input.u8();
                inject(packet);
            }
            case FILTER -> {
                int choice = input.u8();
                state = state.withFilter(state.filter().with(ReceiveFilter.Mode.of(choice % 6), (choice & 64) != 0));
                queue.set(state, true);
            }
            case HASH -> {
                state = state.withHash(1, new HashConfig(input.u8() & 0x3f, input.take(input.below(41)), false, 0, new int[1]));
                queue.set(state, true);
            }
            default -> serve();
        }
    }

    private void inject(byte[] packet) {
        if (packet.length != 0 && BACKEND.inject(0, new byte[0], packet)) {
            injected++;
            watch.onReadable();
        }
    }

    private void serve() {
        fuzz.before();
        queue.poll();
        queue.endTurn();
        long known = fuzz.counters.packets().get(NetCounter.PACKETS) + fuzz.counters.packets().get(NetCounter.DROPS);
        assertTrue(known <= injected, known + " packets of " + injected);
        fuzz.after();
    }

    /** What nobody has received, the next input should not find. */
    private void drain() {
        BACKEND.connect(0);
    }
}
