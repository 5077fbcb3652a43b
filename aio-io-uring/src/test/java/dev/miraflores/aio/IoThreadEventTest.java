// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a flight recording shows of I/O threads at work and at rest. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class IoThreadEventTest {

    private static final String ACTIVITY = "dev.miraflores.IoThread";
    private static final String WAIT = "dev.miraflores.IoThreadWait";
    private static final String NAME = "recorded-io";
    private static final IoThreadOptions NO_POLLING = new IoThreadOptions(0, 0, 0).withEpoll();

    private final BlockingQueue<RecordedEvent> events = new LinkedBlockingQueue<>();

    private RecordingStream record() {
        RecordingStream stream = new RecordingStream();
        stream.setReuse(false);
        return stream;
    }

    @Test
    void shouldTellHowOftenAThreadWorkedAndSlept() throws InterruptedException {
        try (RecordingStream stream = record()) {
            stream.enable(ACTIVITY).withPeriod(Duration.ofMillis(10));
            stream.onEvent(ACTIVITY, event -> {
                if (event.getString("ioThread").equals(NAME)) {
                    events.add(event);
                }
            });
            stream.startAsync();
            long turns = 0;
            long sleeps = 0;
            try (IoThread thread = IoThread.start(NAME, NO_POLLING)) {
                for (int told = 0; told < 3 || sleeps == 0; told++) {
                    RecordedEvent event;
                    while ((event = events.poll()) == null) {
                        thread.call(Thread::yield);
                        Thread.sleep(1);
                    }
                    turns += event.getLong("turns");
                    sleeps += event.getLong("sleeps");
                    assertTrue(event.getDuration("span").compareTo(Duration.ZERO) > 0);
                    assertEquals(0, event.getLong("pollHits") + event.getLong("pollMisses"));
                    assertEquals(Duration.ZERO, event.getDuration("polledFor"));
                    assertTrue(event.getDuration("sleptFor").compareTo(Duration.ZERO) >= 0);
                }
                assertTrue(turns > 0 && turns <= thread.counters().get(IoThreadCounter.TURNS), turns + " turns");
            }
        }
    }

    @Test
    void shouldTellOfEachWaitIfAsked() throws InterruptedException {
        try (RecordingStream stream = record(); IoThread thread = IoThread.start(NAME, NO_POLLING)) {
            stream.enable(WAIT).withoutThreshold();
            stream.onEvent(WAIT, event -> {
                if (event.getThread().getJavaName().equals(NAME)) {
                    events.add(event);
                }
            });
            stream.startAsync();
            RecordedEvent event;
            while ((event = events.poll()) == null || !event.getBoolean("slept")) {
                thread.call(Thread::yield);
                Thread.sleep(1);
            }
            assertTrue(event.getDuration().compareTo(Duration.ZERO) > 0);
            assertEquals(Duration.ZERO, event.getDuration("pollTime"));
            assertEquals(Duration.ZERO, event.getDuration("nextPollTime"));
        }
    }

    @Test
    void shouldCountTheTimeOfPolling() throws InterruptedException {
        try (IoThread thread = IoThread.start(NAME, new IoThreadOptions(50_000_000, 0, 0).withEpoll())) {
            while (thread.counters().get(IoThreadCounter.POLLED_NS) == 0 || thread.counters().get(IoThreadCounter.SLEPT_NS) == 0) {
                thread.call(Thread::yield);
                Thread.sleep(1);
            }
        }
    }
}
