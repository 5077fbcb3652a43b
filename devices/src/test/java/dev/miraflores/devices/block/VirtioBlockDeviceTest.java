// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The device as its driver sees it (virtio 1.3 §5.2), over a file. */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VirtioBlockDeviceTest {

    private static final int OK = 0;
    private static final int IOERR = 1;
    private static final int UNSUPP = 2;

    private static final int DISK_BYTES = 1 << 20;
    private static final int DISK_SECTORS = DISK_BYTES / 512;
    private static final int QUEUE_SIZE = 64;
    private static final long DATA = BlockDriver.DATA;

    @TempDir
    private Path folder;
    private Path image;
    private final byte[] content = new byte[DISK_BYTES];
    private VirtioBlockDevice device;
    private BlockDriver driver;

    @BeforeEach
    void fillImage() throws IOException {
        new Random(7).nextBytes(content);
        image = folder.resolve("disk.img");
        Files.write(image, content);
    }

    @AfterEach
    void close() {
        if (device != null) {
            device.close();
        }
        if (driver != null) {
            driver.close();
        }
    }

    private BlockDeviceConfig.Builder config() {
        return BlockDeviceConfig.raw("disk0", image.toString()).queueSize(QUEUE_SIZE);
    }

    private void open(BlockDeviceConfig.Builder config) {
        device = VirtioBlockDevice.open(config.build());
        driver = new BlockDriver(device, QUEUE_SIZE);
    }

    private void open(BlockBackend backend) {
        device = VirtioBlockDevice.open(config().build(), backend);
        driver = new BlockDriver(device, QUEUE_SIZE);
    }

    private void start() {
        open(config());
        driver.start();
    }

    private byte[] content(int sector, int sectors) {
        return Arrays.copyOfRange(content, sector * 512, (sector + sectors) * 512);
    }

    private long count(BlockCounter counter) {
        return device.counters(0).requests().get(counter);
    }

    private long count(BlockFault fault) {
        return device.counters(0).faults().get(fault);
    }

    @Test
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

    /** §5.2.6.2, and CVE-2011-1750's class: sector and length that overflow when added or multiplied. */
    @ParameterizedTest
    @ValueSource(longs = {
        DISK_SECTORS, DISK_SECTORS - 7, 1L << 31, 1L << 32, (1L << 55) - 1, 1L << 55, 1L << 62, Long.MAX_VALUE,
        Long.MIN_VALUE, -1, -8, -DISK_SECTORS
    })
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
    void shouldReturnChainWithLenZeroWhenABufferIsNoMemory() {
        start();
        driver.describe(0, BlockDriver.IN, 0, BlockDriver.MEMORY_BYTES - 100, 512);
        assertEquals(0, driver.run());

        assertEquals(1, device.counters(0).driverFaults().get(DriverFault.BUFFER_OUTSIDE_MEMORY));
        assertEquals(1, count(BlockCounter.MALFORMED));
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    /** §2.1.2: the queue itself is out of order, so the whole device asks for a reset, after which it works again. */
    @Test
    void shouldNeedAResetWhenTheRingIsBroken() throws InterruptedException {
        open(config());
        driver.start(RingFeatures.RING_PACKED);
        // avail idx, far ahead of anything that was exposed
        driver.ram.set(ValueLayout.JAVA_SHORT, driver.geometry().driverGpa() + 2, (short) 0x7000);
        driver.kick.signal();
        for (int i = 0; driver.needsReset.get() == 0 && i < 1000; i++) {
            Thread.sleep(5);
        }

        assertEquals(1, driver.needsReset.get());
        assertEquals(1, device.counters(0).driverFaults().get(DriverFault.AVAIL_IDX_JUMPED));
        device.reset();
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 1, DATA, 512));
        assertArrayEquals(content(1, 1), driver.bytes(DATA, 512));
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
    void shouldMakeWritesDurableForADriverThatCannotFlush() {
        RecordingBackend backend = new RecordingBackend();
        open(backend);
        driver.start(1L << virtio_abi.VIRTIO_BLK_F_FLUSH);
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertTrue(backend.lastWasDurable);
    }

    @Test
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

    @ParameterizedTest
    @ValueSource(ints = {Errno.EIO, Errno.EBADF})
    void shouldReportFailuresOfTheHostAndGoOn(int errno) {
        RecordingBackend backend = new RecordingBackend();
        open(backend);
        driver.start();
        backend.result = -errno;
        assertEquals(IOERR, driver.request(BlockDriver.IN, 0, DATA, 512));
        assertEquals(0, driver.queue.usedBytes());
        assertEquals(IOERR, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertEquals(IOERR, driver.request(BlockDriver.FLUSH, 0, 0, 0));
        backend.result = 0;
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));

        assertEquals(1, count(BlockCounter.READ_ERRORS));
        assertEquals(1, count(BlockCounter.WRITE_ERRORS));
        assertEquals(1, count(BlockCounter.FLUSH_ERRORS));
    }

    @Test
    void shouldReportAFileThatWasTruncated() throws IOException {
        start();
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            channel.truncate(4096);
        }
        assertEquals(IOERR, driver.request(BlockDriver.IN, 64, DATA, 4096));
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 4096));
    }

    /** A bug behind the device ends that device, not the thread, and a reset still comes through. */
    @Test
    void shouldNeedAResetWhenALinkThrows() throws InterruptedException {
        RecordingBackend backend = new RecordingBackend();
        open(backend);
        driver.start();
        backend.bug = new IllegalStateException("on purpose: a test of what a bug does");
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        for (int i = 0; driver.needsReset.get() == 0 && i < 1000; i++) {
            Thread.sleep(5);
        }
        assertEquals(1, driver.needsReset.get());

        device.reset();
        backend.bug = null;
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    /** CVE-2021-3748's class: when reset returns, the host writes into guest memory no more. */
    @Test
    void shouldDrainBeforeAResetReturns() {
        DelayedBackend backend = new DelayedBackend();
        open(backend);
        for (int round = 0; round < 20; round++) {
            driver.start();
            for (int i = 0; i < 10; i++) {
                driver.describe(i, BlockDriver.IN, i, DATA + 512L * i, 512);
                driver.add();
            }
            driver.notifyDevice();
            for (int i = 0; backend.inFlight == 0 && i < 1_000_000; i++) {
                Thread.onSpinWait();
            }
            device.reset();
            assertEquals(0, backend.inFlight, "in flight after the reset");
            assertEquals(backend.attached, backend.closed);
        }
    }

    @Test
    void shouldResetUnderLoadWithoutLosingOrKeepingAnything() {
        start();
        Random random = new Random(11);
        for (int round = 0; round < 200; round++) {
            int requests = 1 + random.nextInt(15);
            for (int i = 0; i < requests; i++) {
                driver.describe(i, random.nextBoolean() ? BlockDriver.IN : BlockDriver.OUT, 8L * i, DATA + 4096L * i, 4096);
                driver.add();
                if (random.nextInt(4) == 0) {
                    driver.notifyDevice();
                }
            }
            driver.notifyDevice();
            device.reset();
            driver.ram.asSlice(DATA, 65536).fill(BlockDriver.UNTOUCHED);
            driver.start();
        }
        assertEquals(OK, driver.request(BlockDriver.IN, 1000, DATA, 512));
        assertArrayEquals(content(1000, 1), driver.bytes(DATA, 512));
    }

    /** CVE-2026-16457's class: a driver that never stops adding keeps the thread from nothing else. */
    @Test
    void shouldHearMessagesWhileADriverNeverStops() throws InterruptedException {
        open(BlockDeviceConfig.nothing("null0").queueSize(QUEUE_SIZE).build(), new NullBackend(1 << 20, false));
        Thread storm = Thread.ofPlatform().start(() -> {
            driver.queue.disableNotifications();
            while (!Thread.currentThread().isInterrupted()) {
                driver.describe(0, BlockDriver.FLUSH, 0, 0, 0);
                driver.add();
                driver.notifyDevice();
                driver.queue.pollUsed();
            }
        });
        for (int i = 0; i < 100; i++) {
            device.thread().call(() -> { });
        }
        storm.interrupt();
        storm.join();
        device.reset();
    }

    private void open(BlockDeviceConfig config, BlockBackend backend) {
        device = VirtioBlockDevice.open(config, backend);
        driver = new BlockDriver(device, QUEUE_SIZE);
        driver.start();
    }

    @Test
    void shouldRefuseAnImageThatIsInUse() {
        start();
        DriveException refusal = assertThrows(DriveException.class, () -> VirtioBlockDevice.open(config().build()));
        assertTrue(refusal.getMessage().contains("in use by another hv or process"), refusal.getMessage());
    }

    /** CVE-2016-5403's class, and the promise of the fast path: neither requests nor refusals cost heap. */
    @ParameterizedTest
    @ValueSource(ints = {BlockDriver.IN, BlockDriver.OUT, BlockDriver.FLUSH, BlockDriver.GET_ID, 99})
    void shouldAllocateNothingPerRequest(int type) {
        start();
        long[] allocated = new long[1];
        Runnable read = () -> allocated[0] = allocatedBytes();
        // Nothing once it is compiled; how soon that is depends on the host's other load. What a request really
        // allocates, it allocates in every round.
        long each = Long.MAX_VALUE;
        for (int round = 0; round < 40 && each >= 8; round++) {
            device.thread().call(read);
            long before = allocated[0];
            for (int i = 0; i < 2000; i++) {
                driver.request(type, i % 1000, DATA, 512);
            }
            device.thread().call(read);
            each = (allocated[0] - before) / 2000;
        }
        assertTrue(each < 8, "bytes for each request: " + each);
    }

    /** Of the calling thread. By name: this module has no need of the management module, which a test JVM has. */
    private static long allocatedBytes() {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean").invoke(null);
            return (long) Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes")
                .invoke(threads);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldLeaveNothingBehind() throws IOException {
        start();
        driver.request(BlockDriver.IN, 0, DATA, 512);
        device.close();
        device.close();
        assertTrue(Thread.getAllStackTraces().keySet().stream().noneMatch(t -> t.getName().equals("io-disk0")));
        VirtioBlockDevice.open(config().build()).close();
    }

    /** Answers at once with whatever it is told to. */
    private static final class RecordingBackend implements BlockBackend, BlockLink {
        volatile int result;
        volatile boolean lastWasDurable;
        volatile RuntimeException bug;

        @Override
        public long byteSize() {
            return DISK_BYTES;
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        @Override
        public boolean hasWriteCache() {
            return true;
        }

        @Override
        public int physicalBlockBytes() {
            return 4096;
        }

        @Override
        public BlockLink attach(IoThread thread, LinkOptions options) {
            return this;
        }

        @Override
        public void submit(BlockIo io) {
            if (bug != null) {
                throw bug;
            }
            lastWasDurable = io.isDurable();
            io.complete(result);
        }

        @Override
        public void close() {
        }
    }

    /** Completes each request ten milliseconds later. */
    private static final class DelayedBackend implements BlockBackend {
        volatile int inFlight;
        volatile int attached;
        volatile int closed;

        @Override
        public long byteSize() {
            return DISK_BYTES;
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        @Override
        public boolean hasWriteCache() {
            return true;
        }

        @Override
        public int physicalBlockBytes() {
            return 512;
        }

        @Override
        public BlockLink attach(IoThread thread, LinkOptions options) {
            attached++;
            return new BlockLink() {
                @Override
                public void submit(BlockIo io) {
                    inFlight++;
                    CompletableFuture.delayedExecutor(10, TimeUnit.MILLISECONDS).execute(() -> thread.execute(() -> {
                        inFlight--;
                        io.complete(0);
                    }));
                }

                @Override
                public void close() {
                    closed++;
                }
            };
        }

        @Override
        public void close() {
        }
    }
}
