// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.devices.testkit.Allocations;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.RingFeatures;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The promise of the fast path: no packet costs heap, neither one that gets through nor one that is dropped. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetAllocationTest extends NetFixture {

    private static final int PACKETS = 2000;

    @ParameterizedTest
    @CsvSource({"0, 0", "0, 1", "0, 97", RingFeatures.RING_PACKED + ", 0"})
    @Tag("class:memory")
    void shouldAllocateNothingPerPacketSent(long without, int gsoType) {
        open(config(), OFFLOADS);
        driver.start(without);
        byte[] header = header(1, gsoType, 54, 1000, 34, 16);
        long at = driver.place(header);
        driver.place(2000);
        BufferElements elements = new BufferElements().readable(at, 12).readable(at + 64, 1500);
        assertNothingAllocated(() -> {
            driver.add(1, elements);
            driver.used(1);
            backend.discard(0);
        });
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "0, 1", "0, 97", RingFeatures.RING_PACKED + ", 0"})
    @Tag("class:memory")
    void shouldAllocateNothingPerPacketReceived(long without, int gsoType) {
        open(config(), OFFLOADS);
        driver.start(without);
        byte[] header = header(1, gsoType, 54, 1000, 34, 16);
        byte[] frame = frame(1500);
        byte[] plain = frame(60);
        long at = driver.place(4096);
        BufferElements elements = new BufferElements().writable(at, 100).writable(at + 128, 3000);
        assertNothingAllocated(() -> {
            driver.add(0, elements);
            backend.inject(0, header, frame);
            if (gsoType > 4) {
                backend.inject(0, PLAIN, plain);
            }
            driver.used(0);
        });
    }

    private void assertNothingAllocated(Runnable packet) {
        Allocations.assertNone(device.threads().getFirst()::call, PACKETS, packet);
    }
}
