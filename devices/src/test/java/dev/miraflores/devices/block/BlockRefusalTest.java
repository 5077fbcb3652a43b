// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.virtio.ring.DriverFault;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the device refuses, and that it goes on (virtio 1.3 §5.2.6.2). */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockRefusalTest extends DiskFixture {

    /** §5.2.6.2, and CVE-2011-1750's class: sector and length that overflow when added or multiplied. */
    @ParameterizedTest
    @ValueSource(longs = {
        DISK_SECTORS, DISK_SECTORS - 7, 1L << 31, 1L << 32, (1L << 55) - 1, 1L << 55, 1L << 62, Long.MAX_VALUE,
        Long.MIN_VALUE, -1, -8, -DISK_SECTORS
    })
    @Tag("class:length")
    void shouldRefuseSectorsBeyondTheEnd(long sector) throws IOException {
        start();
        driver.ram.asSlice(DATA, 4096).fill(BlockDriver.UNTOUCHED);

        assertEquals(IOERR, driver.request(BlockDriver.IN, sector, DATA, 4096));
        assertEquals(0, driver.queue.usedBytes(), "nothing was written before the status");
        assertEquals(IOERR, driver.request(BlockDriver.OUT, sector, DATA, 4096));

        assertEquals(2, count(BlockFault.BEYOND_END));
        byte[] untouched = new byte[4096];
        Arrays.fill(untouched, BlockDriver.UNTOUCHED);
        assertArrayEquals(untouched, driver.bytes(DATA, 4096));
        assertArrayEquals(content, Files.readAllBytes(image));
    }

    @Test
    void shouldReadUpToTheVeryEnd() {
        start();
        assertEquals(OK, driver.request(BlockDriver.IN, DISK_SECTORS - 8, DATA, 4096));
        assertArrayEquals(content(DISK_SECTORS - 8, 8), driver.bytes(DATA, 4096));
        assertEquals(OK, driver.request(BlockDriver.IN, DISK_SECTORS, DATA, 0));
        assertEquals(IOERR, driver.request(BlockDriver.IN, DISK_SECTORS + 1, DATA, 0));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 511, 513, 4095, 4097})
    void shouldRefuseDataThatIsNoSectors(int bytes) {
        start();
        assertEquals(IOERR, driver.request(BlockDriver.IN, 0, DATA, bytes));
        assertEquals(IOERR, driver.request(BlockDriver.OUT, 0, DATA, bytes));
        assertEquals(2, count(BlockFault.LENGTH_ODD));
    }

    /** The same memory again and again adds up to more than an int, and in the end to more than a chain may have. */
    @Test
    void shouldRefuseMoreDataThanARequestMayHave() {
        start();
        driver.putHeader(0, BlockDriver.IN, 0);
        driver.elements.clear().readable(driver.headerGpa(0), 16);
        int repeats = QUEUE_SIZE - 2;
        int each = 4 << 20;
        for (int i = 0; i < repeats; i++) {
            driver.elements.writable(DATA, each);
        }
        driver.elements.writable(driver.statusGpa(0), 1);
        driver.run();

        assertEquals(IOERR, driver.status(0));
        assertEquals(1, count(BlockFault.BEYOND_END), "248 MiB are not on the disk");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5, 7, 9, 10, 14, 0x80000000, -1})
    @Tag("virtio:5.2.6.2/zone-requests")
    void shouldSayWhatItDoesNotSupport(int type) {
        start();
        assertEquals(UNSUPP, driver.request(type, 0, DATA, 512));
        assertEquals(1, count(BlockCounter.UNSUPPORTED));
    }

    /** A chain that cannot be answered comes back with {@code len} 0, and the disk goes on. */
    @Test
    void shouldReturnChainWithLenZeroWhenStatusIsMissing() {
        start();
        driver.putHeader(0, BlockDriver.OUT, 0);
        driver.elements.clear().readable(driver.headerGpa(0), 16).readable(DATA, 512);
        assertEquals(0, driver.run());

        assertEquals(1, count(BlockFault.STATUS_MISSING));
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    @Test
    void shouldReturnChainWithLenZeroWhenHeaderIsTooShort() {
        start();
        driver.putHeader(0, BlockDriver.IN, 0);
        driver.elements.clear().readable(driver.headerGpa(0), 15).writable(driver.statusGpa(0), 1);
        assertEquals(0, driver.run());

        assertEquals(1, count(BlockFault.HEADER_TOO_SHORT));
        assertEquals(BlockDriver.UNTOUCHED, (byte) driver.status(0));
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    @Test
    @Tag("class:reentrancy")
    void shouldReturnChainWithLenZeroWhenABufferIsNoMemory() {
        start();
        driver.describe(0, BlockDriver.IN, 0, BlockDriver.MEMORY_BYTES - 100, 512);
        assertEquals(0, driver.run());

        assertEquals(1, device.counters(0).driverFaults().get(DriverFault.BUFFER_OUTSIDE_MEMORY));
        assertEquals(1, count(BlockCounter.MALFORMED));
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    @Test
    @Tag("virtio:5.2.6.2/read-only")
    void shouldRefuseWritesToAReadOnlyDisk() throws IOException {
        open(config().readOnly(true));
        driver.start();

        assertEquals(1, device.features() >>> virtio_abi.VIRTIO_BLK_F_RO & 1);
        assertEquals(IOERR, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        assertEquals(OK, driver.request(BlockDriver.FLUSH, 0, 0, 0));
        assertEquals(1, count(BlockFault.READ_ONLY));
        assertArrayEquals(content, Files.readAllBytes(image));
    }
}
