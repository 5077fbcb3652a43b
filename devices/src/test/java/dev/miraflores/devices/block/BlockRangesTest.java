// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Discard and write zeroes (virtio 1.3 §5.2.6, §5.2.6.2). */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockRangesTest extends DiskFixture {

    private void zero(int sector, int sectors) {
        Arrays.fill(content, sector * 512, (sector + sectors) * 512, (byte) 0);
    }

    private void assertZeroed(int sector, int sectors) throws IOException {
        zero(sector, sectors);
        assertArrayEquals(content, Files.readAllBytes(image));
    }

    @Test
    void shouldTellItsLimits() {
        open(config());
        assertEquals(1, device.features() >>> virtio_abi.VIRTIO_BLK_F_DISCARD & 1);
        assertEquals(1, device.features() >>> virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES & 1);
        assertEquals(0x3FFFFF, device.readConfig((int) virtio_blk_config.max_discard_sectors, 4));
        assertEquals(BlockRequest.MAX_RANGES, device.readConfig((int) virtio_blk_config.max_discard_seg, 4));
        assertEquals(8, device.readConfig((int) virtio_blk_config.discard_sector_alignment, 4));
        assertEquals(0x3FFFFF, device.readConfig((int) virtio_blk_config.max_write_zeroes_sectors, 4));
        assertEquals(BlockRequest.MAX_RANGES, device.readConfig((int) virtio_blk_config.max_write_zeroes_seg, 4));
        assertEquals(1, device.readConfig((int) virtio_blk_config.write_zeroes_may_unmap, 1));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, BlockDriver.UNMAP})
    @Tag("virtio:5.2.6.2/zeroes")
    void shouldWriteZeroes(int flags) throws IOException {
        start();
        assertEquals(OK, driver.range(BlockDriver.WRITE_ZEROES, 16, 24, flags));
        assertEquals(1, driver.queue.usedBytes());
        assertZeroed(16, 24);
        assertEquals(OK, driver.range(BlockDriver.WRITE_ZEROES, 101, 3, flags));
        assertZeroed(101, 3);
        assertEquals(2, count(BlockCounter.WRITE_ZEROES));
        assertEquals(27 * 512, count(BlockCounter.ZEROED_BYTES));
    }

    @Test
    void shouldDiscardNothingButTheRange() throws IOException {
        start();
        assertEquals(OK, driver.range(BlockDriver.DISCARD, 64, 64, 0));
        assertEquals(OK, driver.request(BlockDriver.IN, 64, DATA, 64 * 512));
        byte[] now = Files.readAllBytes(image);
        // What is in the range is anybody's guess.
        System.arraycopy(now, 64 * 512, content, 64 * 512, 64 * 512);
        assertArrayEquals(content, now);
        assertEquals(1, count(BlockCounter.DISCARDS));
        assertEquals(64 * 512, count(BlockCounter.DISCARDED_BYTES));
    }

    /** Several ranges, one after the other, some of them empty, wherever the driver splits them. */
    @Test
    void shouldGoThroughAllRanges() throws IOException {
        start();
        driver.putRange(DATA, 8, 8, 0);
        driver.putRange(DATA + 16, 100, 0, 0);
        driver.putRange(DATA + 32, 40, 1, BlockDriver.UNMAP);
        driver.putRange(DATA + 48, DISK_SECTORS - 1, 1, 0);
        driver.putHeader(0, BlockDriver.WRITE_ZEROES, 0);
        driver.elements.clear().readable(driver.headerGpa(0), 16).readable(DATA, 10).readable(DATA + 10, 54)
            .writable(driver.statusGpa(0), 1);
        driver.run();

        assertEquals(OK, driver.status(0));
        zero(8, 8);
        zero(40, 1);
        assertZeroed(DISK_SECTORS - 1, 1);
        assertEquals(1, count(BlockCounter.WRITE_ZEROES), "one request");
        assertEquals(10 * 512, count(BlockCounter.ZEROED_BYTES));
    }

    /** Drivers say unmap without looking whether they may; Linux's does. */
    @ParameterizedTest
    @EnumSource
    void shouldGiveSpaceBackOnlyWhereItMay(BlockDeviceConfig.Discard discard) {
        RecordingBackend backend = new RecordingBackend();
        open(config().discard(discard), backend);
        driver.start();
        assertEquals(OK, driver.range(BlockDriver.WRITE_ZEROES, 0, 8, BlockDriver.UNMAP));
        assertEquals(discard == BlockDeviceConfig.Discard.UNMAP, backend.lastMayUnmap);
    }

    /** Either all ranges are as they should be, or nothing is done at all. */
    @ParameterizedTest
    @CsvSource({
        "11, 0, 8, 1, UNSUPP", "11, 0, 8, 2, UNSUPP", "11, 0, 8, -2147483648, UNSUPP", "13, 0, 8, 2, UNSUPP",
        "13, 0, 8, 3, UNSUPP", "11, 2048, 1, 0, IOERR", "13, 2047, 2, 0, IOERR", "13, -1, 1, 0, IOERR",
        "11, 9223372036854775807, 1, 0, IOERR", "11, 0, 4194304, 0, IOERR", "13, 0, -1, 1, IOERR"
    })
    @Tag("virtio:5.2.6.2/unknown-flags")
    @Tag("virtio:5.2.6.2/discard-unmap")
    @Tag("class:length")
    void shouldRefuseRangesThatAreWrong(int type, long sector, int sectors, int flags, String status) throws IOException {
        start();
        driver.putRange(DATA, 0, 8, 0);
        driver.putRange(DATA + 16, sector, sectors, flags);
        assertEquals(status.equals("UNSUPP") ? UNSUPP : IOERR, driver.request(type, 0, DATA, 32));
        assertArrayEquals(content, Files.readAllBytes(image));
        assertEquals(status.equals("UNSUPP") ? 0 : 1, count(BlockCounter.REFUSED));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 15, 17, 31})
    void shouldRefuseWhatIsNoRanges(int bytes) {
        start();
        assertEquals(IOERR, driver.request(BlockDriver.DISCARD, 0, DATA, bytes));
        assertEquals(1, count(BlockFault.RANGES_ODD));
    }

    @Test
    @Tag("class:memory")
    void shouldRefuseMoreRangesThanItTold() {
        start();
        driver.ram.asSlice(DATA, 4096).fill((byte) 0);
        assertEquals(OK, driver.request(BlockDriver.DISCARD, 0, DATA, 16 * BlockRequest.MAX_RANGES));
        assertEquals(IOERR, driver.request(BlockDriver.DISCARD, 0, DATA, 16 * BlockRequest.MAX_RANGES + 16));
        assertEquals(1, count(BlockFault.TOO_MANY_RANGES));
    }

    @Test
    void shouldNotKnowWhatWasNotNegotiated() {
        open(config());
        driver.start(1L << virtio_abi.VIRTIO_BLK_F_DISCARD | 1L << virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES);
        assertEquals(UNSUPP, driver.range(BlockDriver.DISCARD, 0, 8, 0));
        assertEquals(UNSUPP, driver.range(BlockDriver.WRITE_ZEROES, 0, 8, 0));
    }

    @Test
    void shouldKeepDiscardsFromTheGuestThatMayNotHaveThem() {
        open(config().discard(BlockDeviceConfig.Discard.IGNORE));
        assertEquals(0, device.features() >>> virtio_abi.VIRTIO_BLK_F_DISCARD & 1);
        assertEquals(0, device.readConfig((int) virtio_blk_config.max_discard_sectors, 4));
        assertEquals(0, device.readConfig((int) virtio_blk_config.write_zeroes_may_unmap, 1));
        device.close();
        open(config().readOnly(true));
        assertEquals(0, device.features() & (1L << virtio_abi.VIRTIO_BLK_F_DISCARD | 1L << virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES));
    }
}
