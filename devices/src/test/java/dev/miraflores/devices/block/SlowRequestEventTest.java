// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockReturn;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.Errno;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import jdk.jfr.EventSettings;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a flight recording shows of requests that took long, and where they did. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SlowRequestEventTest extends DiskFixture {

    private static final String SLOW_REQUEST = "dev.miraflores.SlowRequest";
    private static final Duration BEFORE = Duration.ofMillis(60);
    private static final Duration AFTER = Duration.ofMillis(30);

    private final RecordingStream stream = new RecordingStream();
    private final BlockingQueue<RecordedEvent> events = new LinkedBlockingQueue<>();

    private void record(String slowerThan) {
        stream.setReuse(false);
        EventSettings settings = stream.enable(SLOW_REQUEST);
        if (slowerThan != null) {
            settings.with("slowerThan", slowerThan);
        }
        stream.onEvent(SLOW_REQUEST, events::add);
        stream.startAsync();
    }

    @AfterEach
    void stopRecording() {
        stream.close();
    }

    /** The events are loaded beside the I/O threads, which go on meanwhile: until then nothing is slow. */
    private RecordedEvent requestUntilTold(int type) throws InterruptedException {
        RecordedEvent event;
        do {
            driver.request(type, 8, DATA, type == BlockDriver.FLUSH ? 0 : 4096);
            event = events.poll();
        } while (event == null);
        return event;
    }

    @Test
    void shouldTellWhereTheTimeWent() throws InterruptedException {
        record("40 ms");
        open(config().engine(EngineKind.THREADS).stage(new DelayingStage(0)));
        driver.start();
        RecordedEvent event = requestUntilTold(BlockDriver.OUT);

        assertEquals("disk0", event.getString("drive"));
        assertEquals(0, event.getInt("queue"));
        assertEquals("write", event.getString("operation"));
        assertEquals(8 * 512, event.getLong("offset"));
        assertEquals(4096, event.getLong("bytes"));
        assertEquals(0, event.getInt("result"));
        Duration before = event.getDuration("beforeEngine");
        Duration in = event.getDuration("inEngine");
        Duration after = event.getDuration("afterEngine");
        assertEquals(event.getDuration("latency"), before.plus(in).plus(after));
        assertTrue(before.compareTo(BEFORE) >= 0, before + " before the engine");
        assertTrue(in.compareTo(Duration.ZERO) > 0, in + " in the engine");
        assertTrue(after.compareTo(AFTER) >= 0, after + " after the engine");
        assertEquals(device.thread().name(), event.getThread().getJavaName());
        assertTrue(device.counters(0).latency(Operation.WRITE).histogram().getMaxValue()
            >= event.getDuration("latency").toNanos());
    }

    @Test
    void shouldTellOfWhatFailed() throws InterruptedException {
        record("1 ms");
        open(config().engine(EngineKind.THREADS).stage(new DelayingStage(-Errno.EIO)));
        driver.start();
        RecordedEvent event = requestUntilTold(BlockDriver.FLUSH);

        assertEquals("flush", event.getString("operation"));
        assertEquals(0, event.getLong("bytes"));
        assertEquals(-Errno.EIO, event.getInt("result"));
    }

    /** A backend that is no engine of ours has no phases. */
    @Test
    void shouldTellOfOtherBackends() throws InterruptedException {
        record("0 ns");
        open(new DelayedBackend());
        driver.start();
        RecordedEvent event = requestUntilTold(BlockDriver.IN);

        assertEquals("read", event.getString("operation"));
        assertEquals(event.getDuration("latency"), event.getDuration("beforeEngine"));
        assertEquals(Duration.ZERO, event.getDuration("inEngine"));
        assertEquals(Duration.ZERO, event.getDuration("afterEngine"));
    }

    /** Of two disks the slow one alone is told of. */
    @Test
    void shouldNotTellOfWhatIsFastEnough() throws InterruptedException {
        record("40 ms");
        VirtioBlockDevice fast = VirtioBlockDevice.open(BlockDeviceConfig.nothing("fast").queueSize(QUEUE_SIZE).build());
        try (BlockDriver other = new BlockDriver(fast, QUEUE_SIZE)) {
            other.start();
            open(config().engine(EngineKind.THREADS).stage(new DelayingStage(0)));
            driver.start();
            RecordedEvent event;
            do {
                for (int i = 0; i < 100; i++) {
                    other.request(BlockDriver.IN, 0, DATA, 512);
                }
                event = requestUntilTold(BlockDriver.IN);
                assertTrue(event.getDuration("latency").toMillis() >= 40, event.toString());
            } while (!event.getString("drive").equals("disk0"));
            fast.close();
        }
    }

    /** Holds each request back on its way there and on its way back. One request at a time. */
    private static final class DelayingStage implements BlockStage {
        private final int failure;

        /** @param failure what becomes of requests: 0 for nothing, or −errno */
        DelayingStage(int failure) {
            this.failure = failure;
        }

        @Override
        public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
            return new Link(thread, next);
        }

        @Override
        public void close() {
        }

        private final class Link implements BlockLink, BlockReturn {
            private final IoTimer there;
            private final IoTimer back;
            private BlockIo held;
            private int outcome;

            Link(IoThread thread, BlockLink next) {
                there = thread.timer(() -> {
                    held.onReturn(this);
                    held.passTo(next);
                });
                back = thread.timer(() -> held.complete(outcome));
            }

            @Override
            public void submit(BlockIo io) {
                held = io;
                there.set(System.nanoTime() + BEFORE.toNanos());
            }

            @Override
            public void onReturn(BlockIo io, int result) {
                outcome = failure == 0 ? result : failure;
                back.set(System.nanoTime() + AFTER.toNanos());
            }

            @Override
            public void close() {
                there.cancel();
                back.cancel();
            }
        }
    }
}
