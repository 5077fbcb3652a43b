// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineCounter;
import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A disk of a machine whose pages may go back to the host: the kernel must not hold on to any of them. */
@NeedsIoUring
@Timeout(60)
class DiscardableMemoryTest extends DiskFixture {

    /** Registered, the page of the first request would stay the kernel's, and the guest would never see what the second reads. */
    @Test
    @Tag("class:lifetime")
    void shouldReadIntoThePageThatTheGuestHasNow() {
        device = VirtioBlockDevice.open(config().cache(CacheMode.NONE).build());
        driver = new BlockDriver(device, QUEUE_SIZE, GuestMemory.anonymous(BlockDriver.MEMORY_BYTES).discardable());
        driver.start();
        for (int sector = 0; sector < 64; sector += 8) {
            assertEquals(OK, driver.request(BlockDriver.IN, sector, DATA, 4096));
            byte[] read = driver.ram.asSlice(DATA, 4096).toArray(ValueLayout.JAVA_BYTE);
            assertArrayEquals(content(sector, 8), read);
            assertEquals(4096, driver.memory.discard(DATA, 4096));
        }
        assertEquals(0, device.counters(0).engine().get(EngineCounter.FIXED_BUFFER));
    }
}
