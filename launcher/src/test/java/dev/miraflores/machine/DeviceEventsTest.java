// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class DeviceEventsTest {

    private final AtomicInteger told = new AtomicInteger();
    private final CountDownLatch telling = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);

    private final class SlowListener implements DriveListener {
        @Override
        public void needsReset(String id, String why) {
            told.incrementAndGet();
            telling.countDown();
            try {
                goOn.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** A guest that breaks its rings faster than anybody listens. */
    @Test
    void shouldLetNoMoreWaitThanItSays() throws InterruptedException {
        DeviceEvents events = new DeviceEvents("events", new SlowListener());
        try (VirtioBlockDevice disk = VirtioBlockDevice.open(BlockDeviceConfig.nothing("disk").build())) {
            events.needsReset(disk, "broken");
            assertTrue(telling.await(20, TimeUnit.SECONDS));
            for (int i = 0; i < 100 * DeviceEvents.MOST_WAITING; i++) {
                events.needsReset(disk, "broken");
            }
            goOn.countDown();
            events.close();
        }
        assertEquals(1 + DeviceEvents.MOST_WAITING, told.get());
    }
}
