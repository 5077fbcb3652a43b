// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.devices.testkit.Allocations;
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
        int[] sector = {0};
        Allocations.assertNone(device.thread()::call, 2000,
                () -> driver.request(type, sector[0]++ % 1000, DATA, ranges ? 16 : 512));
    }
}
