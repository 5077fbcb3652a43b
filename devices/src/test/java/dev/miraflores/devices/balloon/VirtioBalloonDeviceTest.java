// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.IoThreadCondition;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The device on virtio-pci, served by its thread, from doorbell to message. */
@ExtendWith(IoThreadCondition.class)
@Timeout(60)
class VirtioBalloonDeviceTest {

    private static final int RAM_BYTES = 4 << 20;
    private static final long RING = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
    private static final long ALWAYS = RING | 0b1_0011;
    private static final long DEFLATE_ON_OOM = 1 << 2;
    private static final long HINTING = 1 << 3;
    private static final long REPORTING = 1 << 5;
    private static final long STATISTICS = 1 << 1;
    private static final long BUFFER = 0x8_0000;
    private static final int NUM_PAGES = 0;
    private static final int ACTUAL = 4;
    private static final int HINT_COMMAND = 8;

    private final TestMachine machine = new TestMachine();
    private final GuestMemory ram = GuestMemory.anonymous(RAM_BYTES).discardable();
    private final IoThread ioThread = IoThread.start("test-balloon");
    private final List<Long> heard = new CopyOnWriteArrayList<>();
    private final BufferElements elements = new BufferElements();
    private VirtioBalloonDevice device;
    private VirtioPciTransport transport;
    private PciDriver driver;
    private final VirtqueueDriver[] rings = new VirtqueueDriver[5];

    private void open(boolean hinting, boolean reporting) {
        device = new VirtioBalloonDevice(ioThread, RAM_BYTES, new BalloonOptions(true, reporting, hinting), heard::add);
        transport = new VirtioPciTransport(device, ram, machine.msis, machine.doorbells);
        driver = new PciDriver(machine, machine.pci.add(transport.function()), true);
    }

    @AfterEach
    void close() {
        machine.pci.remove(transport.function());
        transport.close();
        ioThread.close();
        machine.close();
        ram.close();
    }

    /** Negotiates {@code features}, and sets the queues of these numbers up. */
    private void start(long features, int... queues) {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        driver.acceptFeatures(features);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        for (int queue : queues) {
            long at = 0x1_0000L * queue;
            QueueGeometry geometry = new QueueGeometry(64, at, at + 0x2000, at + 0x4000);
            driver.placeQueue(queue, geometry);
            rings[queue] = VirtqueueDriver.create(ram, geometry, features);
            driver.enableQueue(queue);
        }
        driver.addStatus(DeviceStatus.DRIVER_OK);
        assertEquals(DeviceStatus.DRIVER_OK, driver.status() & DeviceStatus.DRIVER_OK);
    }

    private void send(int queue, BufferElements buffer) {
        assertTrue(rings[queue].add(buffer) >= 0);
        if (rings[queue].needsNotification()) {
            driver.notifyQueue(queue);
        }
    }

    private void awaitUsed(int queue) throws InterruptedException {
        await(() -> rings[queue].pollUsed() >= 0);
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        while (!condition.getAsBoolean()) {
            Thread.sleep(1);
        }
    }

    private void giveFrames(int queue, int... frames) throws InterruptedException {
        for (int i = 0; i < frames.length; i++) {
            ram.slice(BUFFER + 4L * i, 4).set(ValueLayout.JAVA_INT, 0, frames[i]);
        }
        send(queue, elements.clear().readable(BUFFER, 4L * frames.length));
        awaitUsed(queue);
    }

    private void fill(int page) {
        ram.slice(page * 4096L, 4096).fill((byte) 1);
    }

    private boolean isGone(int page) {
        byte[] bytes = new byte[4096];
        ram.read(page * 4096L, bytes);
        return Arrays.equals(bytes, new byte[4096]);
    }

    @Test
    @Tag("virtio:2.2.2/only-supported")
    void shouldOfferWhatItWasMadeWith() {
        open(false, false);
        assertEquals(5, driver.deviceId());
        assertEquals(ALWAYS | DEFLATE_ON_OOM, driver.deviceFeatures());
        assertEquals(3, device.queueCount());
    }

    @Test
    void shouldInflateDeflateAndTellOnce() throws InterruptedException {
        open(false, false);
        start(ALWAYS | DEFLATE_ON_OOM, 0, 1, 2);
        device.setTargetBytes(RAM_BYTES / 2);
        await(driver::takeConfigNotification);
        assertEquals(RAM_BYTES / 2 / 4096, driver.readConfig(NUM_PAGES, 4));
        fill(600);
        fill(601);
        giveFrames(0, 600, 601);
        assertTrue(isGone(600) && isGone(601));
        driver.writeConfig(ACTUAL, 4, 2);
        await(() -> heard.size() == 1);
        assertEquals(RAM_BYTES - 8192, device.actualBytes());
        for (int i = 3; i < 500; i++) {
            driver.writeConfig(ACTUAL, 4, i);
        }
        fill(600);
        giveFrames(1, 600, 601);
        assertFalse(isGone(600));
        await(() -> heard.size() == 2);
        assertEquals(List.of(RAM_BYTES - 8192L, RAM_BYTES - 499 * 4096L), heard);
        assertEquals(2, device.counters().get(BalloonCounter.INFLATED_PAGES));
        assertEquals(2, device.counters().get(BalloonCounter.DEFLATED_PAGES));
    }

    /** The driver may write any number: what the guest has is between nothing and all. */
    @Test
    @Tag("class:length")
    void shouldNotBelieveAnything() {
        open(false, false);
        start(ALWAYS, 0, 1, 2);
        driver.writeConfig(ACTUAL, 4, -1);
        assertEquals(0, device.actualBytes());
        device.setTargetBytes(Long.MAX_VALUE);
        assertEquals(RAM_BYTES, device.targetBytes());
        device.setTargetBytes(1);
        assertEquals(4096, device.targetBytes());
        assertThrows(IllegalArgumentException.class, () -> device.setTargetBytes(0));
        assertThrows(IllegalArgumentException.class, () -> device.setPollingSeconds(-1));
    }

    /** What is asked for before there is a driver is there for it to find. */
    @Test
    void shouldKeepTheTargetForTheDriverToCome() {
        open(false, false);
        device.setTargetBytes(RAM_BYTES - 4096);
        start(ALWAYS, 0, 1, 2);
        assertEquals(1, driver.readConfig(NUM_PAGES, 4));
        driver.writeConfig(NUM_PAGES, 4, 77);
        assertEquals(1, driver.readConfig(NUM_PAGES, 4));
    }

    @Test
    void shouldAskForStatisticsAtItsIntervals() throws InterruptedException {
        open(false, false);
        device.setPollingSeconds(1);
        start(ALWAYS, 0, 1, 2);
        for (int i = 1; i <= 3; i++) {
            int free = i;
            ram.slice(BUFFER, 2).set(ValueLayout.JAVA_SHORT, 0, (short) 4);
            ram.slice(BUFFER + 2, 8).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, free);
            send(2, elements.clear().readable(BUFFER, 10));
            await(() -> device.statistics().get(BalloonStatistic.FREE_MEMORY) == free);
            if (i == 2) {
                device.setPollingSeconds(0);
                Thread.sleep(1100);
                assertEquals(-1, rings[2].pollUsed());
                device.setPollingSeconds(100);
            }
            if (i < 3) {
                awaitUsed(2);
            }
        }
        assertEquals(BalloonStatistics.UNKNOWN, device.statistics().get(BalloonStatistic.SWAP_IN));
    }

    /** The specification numbers all queues, Linux those that there are: either driver is understood. */
    @ParameterizedTest
    @CsvSource({"true, true, true, 2, 3, 4", "false, true, true, 2, 2, 3", "true, false, true, 2, 3, 3", "false, false, true, 2, 3, 2",
        "false, true, true, 2, 3, 4", "true, false, true, 2, 3, 4", "false, true, false, 2, 2, 4", "false, true, false, 2, 3, 4"})
    void shouldFindItsQueuesByEitherNumbering(boolean statistics, boolean hinting, boolean reporting, int statisticsQueue,
            int hintingQueue, int reportingQueue) throws InterruptedException {
        open(true, true);
        long features = RING | 1 | (statistics ? STATISTICS : 0) | (hinting ? HINTING : 0) | (reporting ? REPORTING : 0);
        int[] queues = java.util.stream.IntStream.of(0, 1, statistics ? statisticsQueue : 0, hinting ? hintingQueue : 0,
            reporting ? reportingQueue : 0).distinct().toArray();
        start(features, queues);
        if (reporting) {
            fill(700);
            send(reportingQueue, elements.clear().writable(700 * 4096, 4096));
            awaitUsed(reportingQueue);
            assertTrue(isGone(700));
        }
        if (hinting) {
            assertTrue(device.beginHinting());
            ram.slice(BUFFER, 4).set(ValueLayout.JAVA_INT, 0, (int) driver.readConfig(HINT_COMMAND, 4));
            send(hintingQueue, elements.clear().readable(BUFFER, 4));
            send(hintingQueue, elements.clear().writable(800 * 4096, 8192));
            awaitUsed(hintingQueue);
            awaitUsed(hintingQueue);
            assertEquals(8192, device.counters().get(BalloonCounter.HINTED_BYTES));
        }
        if (statistics) {
            send(statisticsQueue, elements.clear().readable(BUFFER, 20));
            await(() -> device.statistics().lastUpdate() != 0);
        }
        assertEquals(0, device.counters().get(BalloonCounter.MALFORMED));
    }

    /** A round begins with a new number, and ends by DONE, whether the driver ends it or goes. */
    @Test
    @Tag("virtio:5.5.6.5.2/new-id")
    @Tag("virtio:5.5.6.5.2/done")
    void shouldHintInRounds() throws InterruptedException {
        open(true, false);
        assertFalse(device.beginHinting());
        long before = 1;
        for (int round = 0; round < 3; round++) {
            start(ALWAYS | HINTING, 0, 1, 2, 3);
            assertEquals(0, driver.readConfig(HINT_COMMAND, 4));
            for (int i = 0; i < 2; i++) {
                assertTrue(device.beginHinting());
                assertFalse(device.beginHinting());
                await(driver::takeConfigNotification);
                long id = driver.readConfig(HINT_COMMAND, 4);
                assertTrue(id > before, id + " after " + before);
                before = id;
                ram.slice(BUFFER, 4).set(ValueLayout.JAVA_INT, 0, (int) id);
                ram.slice(BUFFER + 4, 4).set(ValueLayout.JAVA_INT, 0, 0);
                send(3, elements.clear().readable(BUFFER, 4));
                send(3, elements.clear().readable(BUFFER + 4, 4));
                await(() -> driver.readConfig(HINT_COMMAND, 4) == 1);
                await(driver::takeConfigNotification);
                assertFalse(device.isHinting());
            }
            assertTrue(device.beginHinting());
        }
        assertEquals(6, device.counters().get(BalloonCounter.HINTING_ROUNDS));
    }

    /** Reset waits for the thread: no page goes afterwards. */
    @Test
    @Tag("virtio:2.4.1/quiet")
    @Tag("class:lifetime")
    void shouldDiscardNothingAfterReset() throws InterruptedException {
        open(false, true);
        int[] frames = new int[4096];
        for (int round = 0; round < 30; round++) {
            start(ALWAYS | REPORTING, 0, 1, 2, 4);
            for (int i = 0; i < frames.length; i++) {
                frames[i] = 600 + i * 2 % 400;
                ram.slice(BUFFER + 4L * i, 4).set(ValueLayout.JAVA_INT, 0, frames[i]);
            }
            for (int i = 0; i < 20; i++) {
                rings[0].add(elements.clear().readable(BUFFER, 4L * frames.length));
                rings[4].add(elements.clear().writable(600 * 4096L, 400 * 4096L));
            }
            rings[0].publish();
            rings[4].publish();
            driver.notifyQueue(0);
            driver.notifyQueue(4);
            Thread.sleep(round % 3);
            driver.writeStatus(0);
            assertEquals(0, driver.status());
            ram.slice(600 * 4096L, 400 * 4096L).fill((byte) 1);
            Thread.sleep(1);
            byte[] after = new byte[400 * 4096];
            byte[] expected = new byte[after.length];
            Arrays.fill(expected, (byte) 1);
            ram.read(600 * 4096L, after);
            assertArrayEquals(expected, after);
        }
        assertEquals(RAM_BYTES, device.actualBytes());
    }

    /** Has a turn whenever the thread has one to give, and counts those from the first page that goes to the end of the buffer. */
    private final class Others implements Runnable {
        private final CountDownLatch ended = new CountDownLatch(1);
        private final VirtqueueDriver ring;
        private int turns;

        Others(VirtqueueDriver ring) {
            this.ring = ring;
        }

        @Override
        public void run() {
            if (ring.pollUsed() >= 0) {
                ended.countDown();
                return;
            }
            turns += device.counters().get(BalloonCounter.DISCARDS) > 0 ? 1 : 0;
            ioThread.execute(this);
        }
    }

    /** Gigabytes to be given back do not hold up another device of the same thread. */
    @Test
    @Tag("class:endless")
    void shouldLeaveTheThreadToOthersMeanwhile() throws InterruptedException {
        open(false, true);
        start(ALWAYS | REPORTING, 0, 1, 2, 4);
        for (int i = 0; i < 1 << 14; i++) {
            ram.slice(BUFFER + 4L * i, 4).set(ValueLayout.JAVA_INT, 0, 600 + i * 2 % 400);
        }
        for (int i = 0; i < 60; i++) {
            rings[0].add(elements.clear().readable(BUFFER, 4L << 14));
        }
        rings[0].publish();
        driver.notifyQueue(0);
        Others others = new Others(rings[0]);
        ioThread.execute(others);
        assertTrue(others.ended.await(60, TimeUnit.SECONDS));
        assertTrue(others.turns > 5, others.turns + " turns of others while a buffer was done");
        driver.writeStatus(0);
    }

    /** A ring that is broken costs the device, not its thread. */
    @Test
    void shouldNeedResetWhenRingBreaks() throws InterruptedException {
        open(false, false);
        start(ALWAYS, 0, 1, 2);
        ram.write(0x2002, new byte[] {(byte) 0xff, (byte) 0x7f});
        driver.notifyQueue(0);
        await(() -> (driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
        start(ALWAYS, 0, 1, 2);
        fill(600);
        giveFrames(0, 600);
        assertTrue(isGone(600));
    }
}
