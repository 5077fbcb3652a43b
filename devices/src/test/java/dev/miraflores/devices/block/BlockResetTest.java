// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Resets, failures and the end: what is in flight, and whom a bug concerns. */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockResetTest extends DiskFixture {

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

    @ParameterizedTest
    @ValueSource(ints = {Errno.EIO, Errno.EBADF})
    @Tag("class:leak")
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
    @Tag("virtio:2.4.1/quiet")
    @Tag("class:lifetime")
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

    /** Of several ranges a reset leaves some undone; that must not look like all. */
    @Test
    void shouldNotCallAllRangesDoneThatAResetCutShort() throws InterruptedException {
        HangingBackend backend = new HangingBackend();
        open(backend);
        driver.start();
        backend.hangs = true;
        driver.putRange(DATA, 8, 8, 0);
        driver.putRange(DATA + 16, 100, 8, 0);
        driver.putHeader(0, BlockDriver.WRITE_ZEROES, 0);
        driver.elements.clear().readable(driver.headerGpa(0), 16).readable(DATA, 32).writable(driver.statusGpa(0), 1);
        driver.add();
        driver.notifyDevice();
        while (backend.taken == 0) {
            Thread.sleep(1);
        }
        Thread reset = Thread.ofPlatform().start(device::reset);
        while (reset.getState() != Thread.State.WAITING && reset.getState() != Thread.State.TIMED_WAITING) {
            Thread.sleep(1); // until it has told the I/O thread, and waits
        }
        backend.goOn(device.thread());
        reset.join();

        assertEquals(1, backend.taken);
        assertEquals(IOERR, driver.status(0));
        assertEquals(0, count(BlockCounter.WRITE_ZEROES));
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
    @Tag("class:endless")
    void shouldHearMessagesWhileADriverNeverStops() throws InterruptedException {
        open(BlockDeviceConfig.nothing("null0").queueSize(QUEUE_SIZE), new NullBackend(1 << 20, false));
        driver.start();
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

    @Test
    @Tag("class:lifetime")
    @Tag("class:memory")
    void shouldLeaveNothingBehind() throws IOException {
        start();
        driver.request(BlockDriver.IN, 0, DATA, 512);
        device.close();
        device.close();
        assertTrue(Thread.getAllStackTraces().keySet().stream().noneMatch(t -> t.getName().equals("io-disk0")));
        VirtioBlockDevice.open(config().build()).close();
    }
}
