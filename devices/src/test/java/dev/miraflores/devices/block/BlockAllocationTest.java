// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.virtio.ring.RingFeatures;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The promise of the fast path: no request costs heap (CVE-2016-5403's class). */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockAllocationTest extends DiskFixture {

    /** CVE-2016-5403's class, and the promise of the fast path: neither requests nor refusals cost heap. */
    @ParameterizedTest
    @ValueSource(ints = {
        BlockDriver.IN, BlockDriver.OUT, BlockDriver.FLUSH, BlockDriver.GET_ID, BlockDriver.DISCARD, BlockDriver.WRITE_ZEROES,
        99})
    @Tag("class:memory")
    void shouldAllocateNothingPerRequest(int type) {
        assertNothingAllocated(0, type, config());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.RING_PACKED})
    void shouldAllocateNothingOnAnyKindOfQueue(long without) {
        assertNothingAllocated(without, BlockDriver.IN, config().inOrder(true));
    }

    private void assertNothingAllocated(long without, int type, BlockDeviceConfig.Builder config) {
        open(config);
        driver.start(without);
        boolean ranges = type == BlockDriver.DISCARD || type == BlockDriver.WRITE_ZEROES;
        driver.putRange(DATA, 8, 8, 0);
        long[] allocated = new long[1];
        Runnable read = () -> allocated[0] = allocatedBytes();
        // Nothing once it is compiled; how soon that is depends on the host's other load. What a request really
        // allocates, it allocates in every round.
        long each = Long.MAX_VALUE;
        for (int round = 0; round < 200 && each >= 8; round++) {
            device.thread().call(read);
            long before = allocated[0];
            for (int i = 0; i < 2000; i++) {
                driver.request(type, i % 1000, DATA, ranges ? 16 : 512);
            }
            device.thread().call(read);
            each = (allocated[0] - before) / 2000;
        }
        assertTrue(each < 8, "bytes for each request: " + each);
    }

    /** Of the calling thread. By name: this module has no need of the management module, which a test JVM has. */
    static long allocatedBytes() {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean").invoke(null);
            return (long) Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes")
                .invoke(threads);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
