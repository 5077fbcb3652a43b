// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How long requests took, as a disk counts it. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockLatencyTest extends DiskFixture {

    private static final long MS = 1_000_000;
    private static final int REQUESTS = 5;

    private Histogram latency(Operation operation) {
        return device.counters(0).latency(operation).histogram();
    }

    @Test
    void shouldCountHowLongEachKindOfRequestTook() {
        open(new DelayedBackend());
        driver.start();
        long start = System.nanoTime();
        for (int i = 0; i < REQUESTS; i++) {
            assertEquals(OK, driver.request(BlockDriver.IN, i, DATA, 512));
        }
        long elapsed = System.nanoTime() - start;
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertEquals(OK, driver.request(BlockDriver.FLUSH, 0, 0, 0));

        Histogram reads = latency(Operation.READ);
        assertEquals(REQUESTS, reads.getTotalCount());
        assertTrue(reads.getMinValue() >= 9 * MS, "the backend takes 10 ms: " + reads.getMinValue());
        assertTrue(reads.getValueAtPercentile(50) <= reads.getMaxValue());
        assertTrue(reads.getMaxValue() <= elapsed * 1.01, reads.getMaxValue() + " of " + elapsed);
        assertEquals(1, latency(Operation.WRITE).getTotalCount());
        assertEquals(1, latency(Operation.FLUSH).getTotalCount());
        assertEquals(0, latency(Operation.DISCARD).getTotalCount());
        assertEquals(0, latency(Operation.WRITE_ZEROES).getTotalCount());
    }

    /** What never reaches the backend took no time that would say anything of it. */
    @Test
    void shouldNotCountWhatItRefuses() {
        open(new DelayedBackend());
        driver.start();
        assertEquals(IOERR, driver.request(BlockDriver.IN, DISK_SECTORS, DATA, 512));
        assertEquals(OK, driver.request(BlockDriver.GET_ID, 0, DATA, 20));
        assertEquals(UNSUPP, driver.request(99, 0, DATA, 512));

        for (Operation operation : Operation.values()) {
            assertEquals(0, latency(operation).getTotalCount(), operation.name());
        }
    }

    @Test
    void shouldGoOnCountingAfterAReset() {
        open(new DelayedBackend());
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        device.reset();
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));

        assertEquals(2, latency(Operation.READ).getTotalCount());
    }
}
