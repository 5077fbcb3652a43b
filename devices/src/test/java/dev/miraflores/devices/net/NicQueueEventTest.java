// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a flight recording shows of a NIC at work. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NicQueueEventTest extends NetFixture {

    private static final String NIC_QUEUE = "dev.miraflores.NicQueue";
    private static final String[] COUNTS = {"packets", "bytes", "drops", "malformed", "waits", "interrupts"};

    private final RecordingStream stream = new RecordingStream();
    private final BlockingQueue<RecordedEvent> events = new LinkedBlockingQueue<>();

    @BeforeEach
    void record() {
        stream.setReuse(false);
        stream.enable(NIC_QUEUE).withPeriod(Duration.ofMillis(20));
        stream.onEvent(NIC_QUEUE, event -> {
            if (event.getString("nic").equals("test")) {
                events.add(event);
            }
        });
        stream.startAsync();
    }

    @AfterEach
    void stopRecording() {
        stream.close();
    }

    private RecordedEvent next(String direction) throws InterruptedException {
        RecordedEvent event;
        do {
            event = events.poll(60, TimeUnit.SECONDS);
            assertNotNull(event, "nothing is told");
        } while (!event.getString("direction").equals(direction));
        return event;
    }

    /** What is told after another adds up to what was counted since. */
    @Test
    void shouldTellOfPacketsBothWaysAndOfDrops() throws InterruptedException {
        open(config(), OFFLOADS);
        driver.start(0);
        next("transmit");                               // from here on nothing is missed
        for (int i = 0; i < 7; i++) {
            driver.transmitted(0, PLAIN, frame(100));
            assertNotNull(backend.take(0));
        }
        driver.transmitted(0, PLAIN, new byte[5]);
        long[] sum = new long[COUNTS.length];
        while (sum[0] < 7 || sum[2] < 1) {
            RecordedEvent event = next("transmit");
            assertEquals(0, event.getInt("pair"));
            assertTrue(event.getDuration("span").compareTo(Duration.ZERO) > 0);
            for (int i = 0; i < COUNTS.length; i++) {
                sum[i] += event.getLong(COUNTS[i]);
            }
        }
        NetCounters counted = pair(0).transmitted();
        assertEquals(7, sum[0]);
        assertEquals(700, sum[1]);
        assertEquals(1, sum[2]);
        assertEquals(0, sum[3]);
        assertTrue(sum[5] > 0 && sum[5] <= counted.packets().get(NetCounter.INTERRUPTS), sum[5] + " interrupts");
        assertEquals(0, next("receive").getLong("packets"));
    }

    @Test
    void shouldTellTheRestAtTheEndAndNothingAfterwards() throws InterruptedException {
        open(config(), OFFLOADS);
        driver.start(0);
        next("transmit");
        long told = 0;
        driver.transmitted(0, PLAIN, frame(60));
        device.close();
        while (told < 1) {
            told += next("transmit").getLong("packets");
        }
        assertEquals(1, told);
        while (events.poll(200, TimeUnit.MILLISECONDS) != null) {
            // what was on its way
        }
        assertTrue(events.poll(200, TimeUnit.MILLISECONDS) == null);
    }
}
