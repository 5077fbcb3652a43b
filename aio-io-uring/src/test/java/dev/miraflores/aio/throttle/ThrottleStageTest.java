// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real threads and a real clock, with limits that leave room for a machine that is busy with something else. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ThrottleStageTest {

    private static final double SECOND = 1e9;

    @Test
    void shouldKeepThreadsToTheRateTheyShare() throws InterruptedException {
        int rate = 4000;
        ThrottleGroup group = new ThrottleGroup("g", limit(rate));
        try (Disk first = new Disk(group, 1, 16); Disk second = new Disk(group, 2, 16)) {
            long start = System.nanoTime();
            first.start();
            second.start();
            Thread.sleep(1000);
            long done = first.done.get() + second.done.get();
            double seconds = (System.nanoTime() - start) / SECOND;
            assertTrue(done <= rate * (seconds + 0.1) + 100, done + " in " + seconds + " s");
            assertTrue(done >= rate * seconds * 0.2, done + " in " + seconds + " s");
            assertTrue(Math.min(first.done.get(), second.done.get()) > done / 20, "one of them was starved");
            assertTrue(first.stage.count(ThrottleCounter.HELD_WRITES) > 0);
        }
    }

    /** Turns go from thread to thread all the time, and none is lost on its way: no queue ever stands still. */
    @Test
    void shouldKeepEveryQueueGoing() throws InterruptedException {
        ThrottleGroup group = new ThrottleGroup("g", limit(5000));
        try (Disk first = new Disk(group, 3, 2); Disk second = new Disk(group, 2, 2)) {
            first.start();
            second.start();
            for (int round = 0; round < 10; round++) {
                for (Disk disk : List.of(first, second)) {
                    for (AtomicLong queue : disk.doneByQueue) {
                        long before = queue.get();
                        await(() -> queue.get() > before + 20);
                    }
                }
            }
        }
    }

    @Test
    void shouldLetGoWhenTheLimitGoes() throws InterruptedException {
        ThrottleGroup group = new ThrottleGroup("g", limit(1));
        try (Disk disk = new Disk(group, 2, 16); Disk other = new Disk(group, 1, 16)) {
            disk.start();
            other.start();
            Thread.sleep(100);
            assertTrue(disk.done.get() + other.done.get() < 100, "hours of waiting");
            group.setConfig(ThrottleConfig.UNLIMITED);
            await(() -> disk.done.get() > 1000 && other.done.get() > 1000);
            group.setConfig(limit(1));
            Thread.sleep(100);
            long before = disk.done.get();
            Thread.sleep(100);
            assertTrue(disk.done.get() - before <= 2, "the limit is back");
        }
    }

    /** What throws further down does so from a timer here, and is the affair of the request's device all the same. */
    @Test
    void shouldBlameTheRequestsDeviceForWhatThrowsBehindIt() throws InterruptedException {
        ThrottleGroup group = new ThrottleGroup("g", limit(100));
        try (Disk disk = new Disk(group, 1, 16); Disk other = new Disk(group, 1, 16)) {
            disk.bug = new IllegalStateException("on purpose");
            disk.passBeforeBug = 5;
            disk.start();
            other.start();
            await(() -> disk.failures.get() >= 10);
            long before = other.done.get();
            await(() -> other.done.get() > before + 10);
        }
    }

    @Test
    void shouldTellJfrOfWhatItHoldsBack() throws IOException, InterruptedException {
        try (Recording recording = new Recording()) {
            recording.enable("dev.miraflores.Throttle");
            recording.start();
            ThrottleGroup group = new ThrottleGroup("told", limit(100));
            try (Disk disk = new Disk(group, 1, 4)) {
                disk.start();
                await(() -> disk.stage.count(ThrottleCounter.HELD_WRITES) > 10);
                group.setConfig(ThrottleConfig.UNLIMITED);
                await(() -> disk.done.get() > 100);
            }
            recording.stop();
            Path file = Files.createTempFile("throttle", ".jfr");
            try {
                recording.dump(file);
                List<RecordedEvent> events = new ArrayList<>(RecordingFile.readAllEvents(file));
                // A recording has all events that are on by default, whatever it was asked for.
                events.removeIf(event -> !event.getEventType().getName().equals("dev.miraflores.Throttle"));
                long requests = 0;
                for (RecordedEvent event : events) {
                    assertEquals("told", event.getString("group"));
                    assertTrue(event.getBoolean("write"));
                    assertTrue(event.getDuration("heldFor").toNanos() > 0);
                    requests += event.getLong("requests");
                }
                assertTrue(requests > 10, "events: " + events);
            } finally {
                Files.delete(file);
            }
        }
    }

    private static ThrottleConfig limit(long iops) {
        return ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(iops));
    }

    private interface Condition {
        boolean holds();
    }

    private static void await(Condition condition) throws InterruptedException {
        for (long start = System.nanoTime(); !condition.holds(); Thread.sleep(1)) {
            assertTrue(System.nanoTime() - start < 60 * SECOND, "waited in vain");
        }
    }

    /** A disk that does nothing, with some queues on threads of their own, each with some requests always in flight. */
    private static final class Disk implements AutoCloseable {
        final AtomicLong done = new AtomicLong();
        final AtomicLong failures = new AtomicLong();
        final ThrottleStage stage;
        RuntimeException bug;
        int passBeforeBug;
        private final List<IoThread> threads = new ArrayList<>();
        private final List<BlockLink> links = new ArrayList<>();
        private final List<AtomicLong> inFlight = new ArrayList<>();
        final List<AtomicLong> doneByQueue = new ArrayList<>();
        private final int depth;
        private final Arena arena = Arena.ofShared();
        private volatile boolean stopping;

        Disk(ThrottleGroup group, int queues, int depth) {
            this.stage = new ThrottleStage(group);
            this.depth = depth;
            for (int i = 0; i < queues; i++) {
                IoThread thread = IoThread.start("test-throttle");
                threads.add(thread);
                inFlight.add(new AtomicLong());
                doneByQueue.add(new AtomicLong());
                thread.call(() -> links.add(((BlockStage) stage).attach(thread, new Sink(), LinkOptions.of(IoMemory.NONE, 1))));
            }
        }

        void start() {
            for (int i = 0; i < threads.size(); i++) {
                int queue = i;
                threads.get(i).call(() -> {
                    for (int n = 0; n < depth; n++) {
                        new Request(queue).submit();
                    }
                });
            }
        }

        @Override
        public void close() {
            stopping = true;
            for (int i = 0; i < threads.size(); i++) {
                BlockLink link = links.get(i);
                AtomicLong left = inFlight.get(i);
                threads.get(i).call(() -> {
                    link.beginDrain();
                    assertEquals(failures.get(), left.get(), "in flight after a drain");
                    link.endDrain();
                    link.close();
                });
                threads.get(i).close();
            }
            stage.close();
            arena.close();
        }

        private final class Sink implements BlockLink {
            @Override
            public void submit(BlockIo io) {
                if (bug != null && passBeforeBug-- <= 0) {
                    throw bug;
                }
                io.complete(0);
            }

            @Override
            public void close() {
            }
        }

        private final class Request extends BlockIo implements Runnable {
            private final int queue;

            Request(int queue) {
                super(arena.allocate(IOVEC_BYTES, Long.BYTES));
                this.queue = queue;
            }

            void submit() {
                beginRange(Operation.WRITE_ZEROES, 0, 4096, true);
                inFlight.get(queue).incrementAndGet();
                passTo(links.get(queue));
            }

            @Override
            protected void onComplete(int result) {
                inFlight.get(queue).decrementAndGet();
                done.incrementAndGet();
                doneByQueue.get(queue).incrementAndGet();
                if (!stopping) {
                    threads.get(queue).execute(this);
                }
            }

            @Override
            public void run() {
                if (!stopping) {
                    submit();
                }
            }

            @Override
            protected void onFailure(Throwable thrown) {
                assertEquals(bug, thrown);
                failures.incrementAndGet();
            }
        }
    }
}
