// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The device as its driver sees it (virtio 1.3 §5.2), over a file. */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VirtioBlockDeviceTest extends DiskFixture {

    @Test
    @Tag("virtio:2.5.2/early-read")
    void shouldDescribeTheDisk() {
        open(config());

        assertEquals(2, device.deviceId());
        assertEquals(1, device.queueCount());
        assertEquals(QUEUE_SIZE, device.maxQueueSize(0));
        assertEquals(DISK_SECTORS, device.readConfig((int) virtio_blk_config.capacity, 8));
        assertEquals(QUEUE_SIZE - 2, device.readConfig((int) virtio_blk_config.seg_max, 4));
        assertEquals(512, device.readConfig((int) virtio_blk_config.blk_size, 4));
        assertEquals(1, device.readConfig((int) virtio_blk_config.num_queues, 2));
        assertEquals(0, device.features() >>> virtio_abi.VIRTIO_BLK_F_RO & 1);
    }

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    @Tag("virtio:5.2.6.2/stable-flush")
    void shouldReadWriteAndFlushInEachCacheMode(CacheMode cache) throws IOException {
        open(config().cache(cache));
        driver.start();

        assertEquals(OK, driver.request(BlockDriver.IN, 16, DATA, 4096));
        assertEquals(4097, driver.queue.usedBytes());
        assertArrayEquals(content(16, 8), driver.bytes(DATA, 4096));
        byte[] written = new byte[8192];
        new Random(1).nextBytes(written);
        driver.put(DATA, written);
        assertEquals(OK, driver.request(BlockDriver.OUT, 32, DATA, 8192));
        assertEquals(1, driver.queue.usedBytes());
        assertEquals(OK, driver.request(BlockDriver.FLUSH, 0, 0, 0));
        assertEquals(1, driver.queue.usedBytes());

        assertArrayEquals(written, Arrays.copyOfRange(Files.readAllBytes(image), 32 * 512, 32 * 512 + 8192));
        assertEquals(1, count(BlockCounter.READS));
        assertEquals(4096, count(BlockCounter.READ_BYTES));
        assertEquals(1, count(BlockCounter.WRITES));
        assertEquals(8192, count(BlockCounter.WRITTEN_BYTES));
        assertEquals(1, count(BlockCounter.FLUSHES));
    }

    /** Whatever the framing (§2.7.4.1): here a header in three parts, and data in parts of 512 and fewer bytes. */
    @Test
    @Tag("virtio:2.7.4.1/any")
    void shouldTakeAnyFraming() {
        start();
        driver.putHeader(0, BlockDriver.IN, 5);
        long header = driver.headerGpa(0);
        driver.elements.clear()
            .readable(header, 3).readable(header + 3, 8).readable(header + 11, 5)
            .writable(DATA + 4096, 512).writable(DATA, 100).writable(DATA + 100, 412)
            .writable(DATA + 8192, 511).writable(DATA + 9001, 1).writable(driver.statusGpa(0), 1);

        assertEquals(1537, driver.run());

        assertEquals(OK, driver.status(0));
        assertArrayEquals(content(5, 1), driver.bytes(DATA + 4096, 512));
        assertArrayEquals(content(6, 1), driver.bytes(DATA, 512));
        assertArrayEquals(Arrays.copyOf(content(7, 1), 511), driver.bytes(DATA + 8192, 511));
        assertEquals(content(7, 1)[511], driver.bytes(DATA + 9001, 1)[0]);
    }

    /** Header and data of a write in one element, data and status of a read in one (§2.7.4.1). */
    @Test
    @Tag("virtio:2.7.4.1/any")
    void shouldTakeHeaderAndDataInOneElement() throws IOException {
        start();
        driver.ram.set(ValueLayout.JAVA_INT_UNALIGNED, DATA + 1, BlockDriver.OUT);
        driver.ram.set(ValueLayout.JAVA_LONG_UNALIGNED, DATA + 9, 3L);
        driver.ram.asSlice(DATA + 17, 1024).fill((byte) 0x77);
        driver.elements.clear().readable(DATA + 1, 16 + 1024).writable(driver.statusGpa(0), 1);
        driver.run();

        driver.putHeader(1, BlockDriver.IN, 3);
        driver.elements.clear().readable(driver.headerGpa(1), 16).writable(DATA + 4001, 1024 + 1);
        assertEquals(1025, driver.run());

        byte[] expected = new byte[1024];
        Arrays.fill(expected, (byte) 0x77);
        assertArrayEquals(expected, driver.bytes(DATA + 4001, 1024));
        assertEquals(OK, driver.bytes(DATA + 4001 + 1024, 1)[0]);
        assertArrayEquals(expected, Arrays.copyOfRange(Files.readAllBytes(image), 1536, 2560));
    }

    /** Elements of no bytes behind the status move it nowhere, wherever they point (§5.2.6). */
    @ParameterizedTest
    @ValueSource(longs = {0, 0x5000, BlockDriver.MEMORY_BYTES})
    void shouldPutTheStatusBeforeEmptyElements(long emptyGpa) {
        start();
        driver.putHeader(0, BlockDriver.IN, 3);
        driver.ram.set(ValueLayout.JAVA_BYTE, 0x4FFF, BlockDriver.UNTOUCHED);
        driver.elements.clear().readable(driver.headerGpa(0), 16).writable(DATA, 512)
            .writable(driver.statusGpa(0), 1).writable(emptyGpa, 0).writable(emptyGpa, 0);

        assertEquals(513, driver.run());

        assertEquals(OK, driver.status(0));
        assertArrayEquals(content(3, 1), driver.bytes(DATA, 512));
        assertEquals(BlockDriver.UNTOUCHED, driver.bytes(0x4FFF, 1)[0]);
    }

    /** §5.2.6: 20 bytes, the rest zeroes; more of the buffer than that is left alone, and not reported as written. */
    @Test
    @Tag("virtio:2.7.8.2/len-written")
    @Tag("class:leak")
    void shouldTellItsSerialNumber() {
        open(config().serial("WD-12345"));
        driver.start();
        driver.ram.asSlice(DATA, 64).fill(BlockDriver.UNTOUCHED);

        assertEquals(OK, driver.request(BlockDriver.GET_ID, 0, DATA, 20));
        assertEquals(21, driver.queue.usedBytes());
        assertArrayEquals(Arrays.copyOf("WD-12345".getBytes(StandardCharsets.US_ASCII), 20), driver.bytes(DATA, 20));

        assertEquals(OK, driver.request(BlockDriver.GET_ID, 0, DATA + 20, 30));
        assertEquals(20, driver.queue.usedBytes());
        assertEquals(BlockDriver.UNTOUCHED, driver.bytes(DATA + 40, 1)[0]);

        assertEquals(OK, driver.request(BlockDriver.GET_ID, 0, DATA, 2));
        assertEquals(3, driver.queue.usedBytes());
    }

    @Test
    void shouldTakeIndirectDescriptors() {
        start();
        driver.describe(0, BlockDriver.IN, 9, DATA, 1024);
        int id = driver.addIndirect(0);
        driver.notifyDevice();

        assertEquals(id, driver.awaitUsed());
        assertEquals(OK, driver.status(0));
        assertArrayEquals(content(9, 2), driver.bytes(DATA, 1024));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.EVENT_IDX, RingFeatures.INDIRECT_DESC})
    void shouldServeManyRequestsAtOnce(long without) {
        open(config());
        driver.start(without);
        int slots = QUEUE_SIZE / 4;
        int[] slotOfId = new int[QUEUE_SIZE];
        int sent = 0;
        Random random = new Random(3);
        int[] sector = new int[slots];
        ArrayDeque<Integer> free = new ArrayDeque<>();
        for (int i = 0; i < slots; i++) {
            free.add(i);
        }
        for (int done = 0; done < 2000; ) {
            while (sent < 2000 && !free.isEmpty()) {
                int slot = free.remove();
                sector[slot] = random.nextInt(DISK_SECTORS - 8);
                driver.describe(slot, BlockDriver.IN, sector[slot], DATA + 8192L * slot, 4096);
                slotOfId[driver.add()] = slot;
                sent++;
            }
            driver.notifyDevice();
            int slot = slotOfId[driver.awaitUsed()];
            assertEquals(OK, driver.status(slot));
            assertArrayEquals(content(sector[slot], 8), driver.bytes(DATA + 8192L * slot, 4096));
            free.add(slot);
            done++;
        }
        assertEquals(2000, count(BlockCounter.READS));
    }

    /** §2.7.7: a driver that polls asks for no interrupts and gets none; one that asks gets one for a batch. */
    @Test
    void shouldInterruptOnlyWhenAskedAndOncePerBatch() {
        start();
        driver.queue.disableNotifications();
        for (int i = 0; i < 10; i++) {
            assertEquals(OK, driver.request(BlockDriver.FLUSH, 0, 0, 0));
        }
        assertTrue(driver.interrupts.get() <= 1, "interrupts=" + driver.interrupts.get());

        int before = driver.interrupts.get();
        driver.queue.enableNotifications();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        for (int i = 0; driver.interrupts.get() == before && i < 1_000_000; i++) {
            Thread.onSpinWait();
        }
        assertEquals(before + 1, driver.interrupts.get());
    }

    /** Without VIRTIO_BLK_F_FLUSH a write is durable when it is complete (§5.2.6.2). */
    @Test
    @Tag("virtio:5.2.6.2/stable-no-flush")
    void shouldMakeWritesDurableForADriverThatCannotFlush() {
        RecordingBackend backend = new RecordingBackend();
        open(backend);
        driver.start(1L << virtio_abi.VIRTIO_BLK_F_FLUSH);
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertTrue(backend.lastWasDurable);
    }

    @Test
    @Tag("virtio:5.2.6.2/stable-writethrough")
    void shouldFollowTheDriversCacheMode() {
        RecordingBackend backend = new RecordingBackend();
        open(backend);
        driver.start();
        assertEquals(1, device.readConfig((int) virtio_blk_config.wce, 1));
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertEquals(false, backend.lastWasDurable);

        device.writeConfig((int) virtio_blk_config.wce, 1, 0);
        assertEquals(0, device.readConfig((int) virtio_blk_config.wce, 1));
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertTrue(backend.lastWasDurable);

        device.reset();
        assertEquals(1, device.readConfig((int) virtio_blk_config.wce, 1));
    }

    /** §5.2.5.2: with CONFIG_WCE and without FLUSH, writeback begins as 0; and as ever once the device was reset. */
    @Test
    @Tag("virtio:5.2.5.2/writeback-zero")
    void shouldBeginWriteThroughForADriverThatCannotFlush() {
        RecordingBackend backend = new RecordingBackend();
        open(backend);
        driver.start(1L << virtio_abi.VIRTIO_BLK_F_FLUSH);
        assertEquals(0, device.readConfig((int) virtio_blk_config.wce, 1));
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertTrue(backend.lastWasDurable);

        device.reset();
        driver.start();
        assertEquals(1, device.readConfig((int) virtio_blk_config.wce, 1));
    }

    /** §2.2.2, §5.2.5.2, §6.2: nothing that is not built, and nothing without what it needs. */
    @ParameterizedTest
    @EnumSource(CacheMode.class)
    @Tag("virtio:2.2.2/only-supported")
    @Tag("virtio:2.2.2/dependencies")
    @Tag("virtio:5.2.5.2/flush-with-wce")
    @Tag("virtio:6.2/version-1")
    @Tag("virtio:6.2/sr-iov")
    void shouldOfferOnlyWhatItSupports(CacheMode cache) {
        open(config().cache(cache).packed(true).inOrder(true));
        long known = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX
            | RingFeatures.RING_PACKED | RingFeatures.IN_ORDER;
        int[] bits = {virtio_abi.VIRTIO_BLK_F_SIZE_MAX, virtio_abi.VIRTIO_BLK_F_SEG_MAX, virtio_abi.VIRTIO_BLK_F_GEOMETRY,
            virtio_abi.VIRTIO_BLK_F_RO, virtio_abi.VIRTIO_BLK_F_BLK_SIZE, virtio_abi.VIRTIO_BLK_F_FLUSH,
            virtio_abi.VIRTIO_BLK_F_TOPOLOGY, virtio_abi.VIRTIO_BLK_F_CONFIG_WCE, virtio_abi.VIRTIO_BLK_F_MQ,
            virtio_abi.VIRTIO_BLK_F_DISCARD, virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES};
        for (int bit : bits) {
            known |= 1L << bit;
        }
        long offered = device.features();
        assertEquals(0, offered & ~known);
        assertTrue((offered & RingFeatures.VERSION_1) != 0);
        boolean mayChangeCache = (offered >>> virtio_abi.VIRTIO_BLK_F_CONFIG_WCE & 1) != 0;
        assertTrue(!mayChangeCache || (offered >>> virtio_abi.VIRTIO_BLK_F_FLUSH & 1) != 0);
    }

    /** §5.2.5.2: unused0 and unused1. */
    @Test
    @Tag("virtio:5.2.5.2/unused-zero")
    void shouldHaveZeroesInItsPadding() {
        open(config());
        assertEquals(0, device.readConfig(33, 1));
        assertEquals(0, device.readConfig(57, 1));
        assertEquals(0, device.readConfig(58, 2));
    }

    /** §2.7.10.2: notifications of nothing are no harm. */
    @Test
    @Tag("virtio:2.7.10.2/spurious")
    void shouldTakeNotificationsThatThereWasNoCauseFor() {
        start();
        for (int i = 0; i < 1000; i++) {
            driver.kick.signal();
        }
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        driver.kick.signal();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        assertEquals(2, count(BlockCounter.READS));
    }

    /** GHSA-jmr4-g2hv-mjj6's class: a guest that writes a header into its raw disk has written data, and no more. */
    @Test
    @Tag("class:images")
    void shouldServeARawImageThatLooksLikeAnotherFormat() {
        byte[] header = new byte[512];
        header[0] = 'Q';
        header[1] = 'F';
        header[2] = 'I';
        header[3] = (byte) 0xfb;
        header[7] = 3;
        start();
        driver.put(DATA, header);
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        device.close();
        driver.close();

        start();
        assertEquals(DISK_SECTORS, device.readConfig((int) virtio_blk_config.capacity, 8));
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        assertArrayEquals(header, driver.bytes(DATA, 512));
    }

    /** Linux sends no flush any more once it has switched: what was cached before has to be durable by then. */
    @Test
    void shouldFlushWhenTheDriverSwitchesTheCacheOff() {
        RecordingBackend backend = new RecordingBackend();
        open(backend);
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertEquals(Operation.WRITE, backend.lastOperation);
        device.writeConfig((int) virtio_blk_config.wce, 1, 0);
        assertEquals(Operation.FLUSH, backend.lastOperation);
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        device.writeConfig((int) virtio_blk_config.wce, 1, 0);
        assertEquals(Operation.WRITE, backend.lastOperation, "once is enough");
        device.writeConfig((int) virtio_blk_config.wce, 1, 1);
        assertEquals(Operation.WRITE, backend.lastOperation);

        backend.result = -Errno.EIO;
        device.writeConfig((int) virtio_blk_config.wce, 1, 0);
        assertEquals(1, device.readConfig((int) virtio_blk_config.wce, 1), "it goes on flushing itself");
    }

    /** A write that is under way when the driver switches is cached too; where it hangs the driver goes on with the cache. */
    @Test
    void shouldFlushWhatIsInFlightWhenTheCacheIsSwitchedOff() throws InterruptedException {
        HangingBackend backend = new HangingBackend();
        open(config().drainNs(200_000_000), backend);
        driver.start();
        backend.hangs = true;
        driver.describe(0, BlockDriver.OUT, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the kernel has it", () -> backend.taken == 1);
        device.writeConfig((int) virtio_blk_config.wce, 1, 0);
        assertEquals(1, device.readConfig((int) virtio_blk_config.wce, 1));
        assertEquals(1, backend.taken);

        backend.goOn(device.thread());
        driver.awaitUsed();
        device.writeConfig((int) virtio_blk_config.wce, 1, 0);
        assertEquals(0, device.readConfig((int) virtio_blk_config.wce, 1));
        assertEquals(2, backend.taken, "with the flush");
    }

    /** The engine that is told is that of the drive's own threads, whatever the host has beside. */
    @Test
    void shouldSayWhatItsThreadsDoItsIoWith() {
        IoThreadOptions without = IoThreadOptions.DEFAULTS.withEpoll();
        open(config().thread(without));
        assertEquals(EngineKind.THREADS, device.engine().kind());
        assertTrue(device.engine().whyNot().contains("aio=io_uring: its I/O thread"), device.engine().whyNot());
        device.close();
        String refusal = assertThrows(DriveException.class,
            () -> VirtioBlockDevice.open(config().thread(without).engine(EngineKind.IO_URING).build())).getMessage();
        assertTrue(refusal.startsWith("drive disk0: aio=io_uring: its I/O thread"), refusal);
    }

    @Test
    void shouldRefuseAnImageThatIsInUse() {
        start();
        DriveException refusal = assertThrows(DriveException.class, () -> VirtioBlockDevice.open(config().build()));
        assertTrue(refusal.getMessage().contains("in use by another hv or process"), refusal.getMessage());
    }
}
