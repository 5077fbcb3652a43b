// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;
import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.devices.virtio.MemoryInUseException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Changes of a disk that runs, and what becomes of it where something does not finish. */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockChangeTest extends DiskFixture {

    private static final long SHORT_NS = 200_000_000;

    /** Reads and writes on all queues until told to stop, each of its own sectors, and checks every read. */
    private final class Load implements Runnable {
        private final AtomicReference<Throwable> failure = new AtomicReference<>();
        private volatile boolean stop;
        private volatile int rounds;
        private final Thread thread = new Thread(this, "load");

        @Override
        public void run() {
            Random random = new Random(9);
            try {
                while (!stop) {
                    driver.use(rounds % device.queueCount());
                    int sector = 8 * random.nextInt(DISK_SECTORS / 16);
                    byte[] data = new byte[4096];
                    random.nextBytes(data);
                    driver.put(DATA, data);
                    assertEquals(OK, driver.request(BlockDriver.OUT, sector, DATA, 4096));
                    System.arraycopy(data, 0, content, sector * 512, 4096);
                    assertEquals(OK, driver.request(BlockDriver.IN, sector, DATA + 8192, 4096));
                    assertArrayEquals(data, driver.bytes(DATA + 8192, 4096));
                    rounds++;
                }
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }

        void until(int more) {
            int goal = rounds + more;
            await("the load goes on", () -> rounds >= goal || failure.get() != null);
        }

        void end() throws InterruptedException {
            stop = true;
            thread.join();
            if (failure.get() != null) {
                throw new AssertionError(failure.get());
            }
        }
    }

    private Load load() {
        Load load = new Load();
        load.thread.start();
        return load;
    }

    @Test
    void shouldTakeStagesInAndOutUnderLoad() throws Exception {
        open(config().queues(3).ioThreads(2).cache(CacheMode.WRITEBACK));
        driver.start();
        Load load = load();
        for (int round = 0; round < 30; round++) {
            CountingStage outer = new CountingStage();
            CountingStage inner = new CountingStage();
            device.insertStage(inner);
            device.insertStage(0, outer);
            assertEquals(List.of(outer, inner), device.stages());
            load.until(3);
            assertEquals(3, outer.attached.get());
            assertTrue(inner.passed.get() > 0);
            device.removeStage(inner);
            device.removeStage(outer);
            assertEquals(1, inner.closed);
            assertEquals(inner.attached.get(), inner.detached.get());
            int passed = outer.passed.get();
            load.until(2);
            assertEquals(passed, outer.passed.get());
        }
        load.end();
        device.reset();
        assertArrayEquals(content, Files.readAllBytes(image));
    }

    @Test
    void shouldMoveToAnotherImageUnderLoad() throws Exception {
        Path other = folder.resolve("other.img");
        open(config().queues(2).ioThreads(2));
        driver.start();
        Load load = load();
        load.until(10);
        device.reconfigure(chain -> {
            try {
                Files.copy(image, other);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
            chain.setBackend(new RawBackend(other.toString(), CacheMode.WRITEBACK, false));
        });
        byte[] old = Files.readAllBytes(image);
        load.until(20);
        load.end();
        device.reset();
        assertArrayEquals(old, Files.readAllBytes(image));
        assertArrayEquals(content, Files.readAllBytes(other));
        VirtioBlockDevice.open(BlockDeviceConfig.raw("again", image.toString()).build()).close();
    }

    @Test
    void shouldPassAsManyStagesAsItTakesAndRefuseOneMore() {
        open(config().cache(CacheMode.NONE));
        driver.start();
        for (int i = 0; i < BlockStage.MAX_STAGES; i++) {
            device.insertStage(new CountingStage());
        }
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA + 1, 512));
        String refusal = assertThrows(IllegalArgumentException.class, () -> device.insertStage(new CountingStage())).getMessage();
        assertTrue(refusal.endsWith("9 stages, where a disk has 8 at most; take one away first"), refusal);
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    @Test
    void shouldKeepItsStagesAcrossResets() {
        CountingStage first = new CountingStage();
        CountingStage second = new CountingStage();
        open(config().stage(first));
        device.insertStage(second);
        for (int round = 1; round <= 3; round++) {
            driver.start();
            assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
            assertEquals(round, first.passed.get());
            assertEquals(round, second.passed.get());
            device.reset();
        }
        device.close();
        assertEquals(1, first.closed);
        assertEquals(1, second.closed);
    }

    @Test
    void shouldGoOnAsItWasWhenAChangeFails() {
        CountingStage good = new CountingStage();
        CountingStage bad = new CountingStage();
        bad.bugWhenAttached = new IllegalStateException("on purpose: a stage that cannot be attached");
        open(config().queues(2).ioThreads(2).stage(good));
        driver.start();
        assertThrows(IllegalStateException.class, () -> device.insertStage(bad));
        assertThrows(IllegalStateException.class, () -> device.reconfigure(chain -> {
            throw new IllegalStateException("on purpose");
        }));
        assertThrows(IllegalArgumentException.class, () -> device.replaceBackend(new NullBackend(DISK_BYTES, true)));
        for (int queue = 0; queue < 2; queue++) {
            driver.use(queue);
            assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        }
        assertEquals(List.of(good), device.stages());
        assertEquals(2, good.passed.get());
        assertEquals(0, bad.closed + good.closed);
        assertEquals(0, driver.needsReset.get());
    }

    @Test
    void shouldTellTheDriverOfANewSize() throws IOException {
        CountingStage stage = new CountingStage();
        open(config().stage(stage));
        driver.start();
        assertEquals(2L * DISK_BYTES, device.resize(2L * DISK_BYTES));
        assertEquals(1, driver.configChanges.get());
        assertEquals(2 * DISK_SECTORS, device.readConfig((int) virtio_blk_config.capacity, 8));
        assertEquals(2 * DISK_SECTORS / 16 / 63, device.readConfig((int) virtio_blk_config.geometry, 2), "cylinders");
        assertEquals(63 << 8 | 16, device.readConfig((int) virtio_blk_config.geometry + 2, 2), "heads, sectors");
        assertEquals(2L * DISK_BYTES, stage.byteSize);
        assertEquals(2L * DISK_BYTES, Files.size(image));
        assertEquals(OK, driver.request(BlockDriver.OUT, 2 * DISK_SECTORS - 1, DATA, 512));

        device.resize(DISK_BYTES / 2);
        assertEquals(2, driver.configChanges.get());
        assertEquals(IOERR, driver.request(BlockDriver.OUT, DISK_SECTORS / 2, DATA, 512));
        assertEquals(OK, driver.request(BlockDriver.OUT, DISK_SECTORS / 2 - 1, DATA, 512));
        assertEquals(DISK_BYTES / 2, Files.size(image));
        assertThrows(IllegalArgumentException.class, () -> device.resize(1000));
        assertThrows(IllegalArgumentException.class, () -> device.resize(0));
    }

    /** Nothing that is in flight while the disk shrinks makes the file longer again. */
    @Test
    void shouldShrinkAndGrowUnderLoad() throws Exception {
        open(config().queues(2).ioThreads(2));
        driver.start();
        Load load = load();
        for (int round = 0; round < 20; round++) {
            device.resize(DISK_BYTES / 2);
            assertEquals(DISK_BYTES / 2, Files.size(image));
            load.until(2);
            device.resize(DISK_BYTES);
        }
        load.end();
        device.reset();
        byte[] now = Files.readAllBytes(image);
        System.arraycopy(new byte[DISK_BYTES / 2], 0, content, DISK_BYTES / 2, DISK_BYTES / 2);
        assertArrayEquals(content, now);
    }

    @Test
    void shouldGiveUpAChangeThatTakesTooLongAndSayWhatIsInFlight() {
        HangingBackend backend = new HangingBackend();
        open(config().drainNs(SHORT_NS), backend);
        driver.start();
        backend.hangs = true;
        driver.describe(0, BlockDriver.IN, 24, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the kernel has it", () -> backend.taken == 1);

        DrainException late = assertThrows(DrainException.class, () -> device.insertStage(new CountingStage()));
        assertTrue(late.getMessage().contains("read of 512 bytes at offset 12288 on queue 0 for"), late.getMessage());
        assertEquals(1, device.inFlight().size());
        assertTrue(device.inFlight().getFirst().ageNs() >= SHORT_NS);
        assertThrows(DrainException.class, device::pause);
        assertTrue(device.stages().isEmpty());

        backend.goOn(device.thread());
        driver.awaitUsed();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512), "it goes on as before");
        device.insertStage(new CountingStage());
    }

    /** A reset that cannot be completed is completed later, and until then the disk is of no use, and does no harm. */
    @Test
    @Tag("class:lifetime")
    void shouldOutliveAResetThatTheHostDoesNotLetFinish() {
        HangingBackend backend = new HangingBackend();
        open(config().drainNs(SHORT_NS), backend);
        driver.start();
        backend.hangs = true;
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the kernel has it", () -> backend.taken == 1);

        device.reset();
        assertTrue(device.isHung());
        assertEquals(1, device.inFlight().size());
        driver.start();
        assertEquals(1, driver.needsReset.get(), "it does not start again");
        assertThrows(DrainException.class, () -> device.insertStage(new CountingStage()));

        backend.goOn(device.thread());
        await("it is over", () -> !device.isHung());
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    @Test
    void shouldSayThatMemoryIsInUseWhenItIsClosedMeanwhile() {
        HangingBackend backend = new HangingBackend();
        open(config().drainNs(SHORT_NS), backend);
        driver.start();
        backend.hangs = true;
        driver.describe(0, BlockDriver.OUT, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the kernel has it", () -> backend.taken == 1);

        MemoryInUseException inUse = assertThrows(MemoryInUseException.class, device::close);
        assertTrue(inUse.getMessage().contains("drive disk0"), inUse.getMessage());
        assertTrue(inUse.getMessage().contains("write of 512 bytes"), inUse.getMessage());
        assertThrows(MemoryInUseException.class, device::close, "and again");
        assertFalse(backend.closed);
        backend.goOn(device.thread());
        await("it is over", () -> !device.isHung());
        device.close();
        assertTrue(backend.closed);
    }

    /** What no kernel has, nobody has to wait for. */
    @Test
    void shouldNotBeHungByAStageThatKeepsRequests() {
        CountingStage stage = new CountingStage();
        open(config().drainNs(SHORT_NS).stage(stage), new HangingBackend());
        driver.start();
        stage.keeps = true;
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the stage has it", () -> stage.passed.get() == 1);
        device.reset();
        assertFalse(device.isHung());
        stage.keeps = false;
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    /** Nobody waits for the stage any more, and just then it hands over what it kept: the kernel has that, and is waited for. */
    @Test
    void shouldBeHungByWhatAStageLetsGoWhenItIsGivenUp() {
        CountingStage stage = new CountingStage();
        HangingBackend backend = new HangingBackend();
        open(config().drainNs(SHORT_NS).stage(stage), backend);
        driver.start();
        stage.keeps = true;
        backend.hangs = true;
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the stage has it", () -> stage.letGo != null);
        backend.whenAsked = () -> device.thread().execute(stage.letGo);

        device.reset();
        assertEquals(1, backend.taken);
        assertTrue(device.isHung());
        backend.goOn(device.thread());
        await("it is over", () -> !device.isHung());
        stage.keeps = false;
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
    }

    /** A bug loses a request that a format has handed to the kernel: memory is in use until the kernel is done with it. */
    @Test
    void shouldBeHungByWhatABugLostBehindAFormat() {
        CountingStage stage = new CountingStage();
        HangingBackend backend = new HangingBackend();
        backend.isFormat = true;
        open(config().drainNs(SHORT_NS).stage(stage), backend);
        driver.start();
        backend.hangs = true;
        stage.bugOncePassed = new IllegalStateException("on purpose: a test of what a bug does");
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the disk needs a reset", () -> driver.needsReset.get() == 1);

        device.reset();
        assertEquals(1, backend.taken);
        assertTrue(device.isHung());
        assertThrows(MemoryInUseException.class, device::close);
        backend.goOn(device.thread());
        await("it is over", () -> !device.isHung());
    }

    /** What no kernel has, nobody has to wait for, be there a format or not. */
    @Test
    void shouldNotBeHungByAStageThatKeepsRequestsBeforeAFormat() {
        CountingStage stage = new CountingStage();
        HangingBackend backend = new HangingBackend();
        backend.isFormat = true;
        open(config().drainNs(SHORT_NS).stage(stage), backend);
        driver.start();
        stage.keeps = true;
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the stage has it", () -> stage.passed.get() == 1);
        device.reset();
        assertFalse(device.isHung());
    }

    @Test
    void shouldOutliveABugOnTheWayBack() {
        CountingStage stage = new CountingStage();
        open(config().stage(stage));
        driver.start();
        stage.bugWhenReturned = new IllegalStateException("on purpose: a test of what a bug does");
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the disk needs a reset", () -> driver.needsReset.get() == 1);
        device.removeStage(stage);
        assertEquals(1, stage.closed);
        device.reset();
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        assertEquals(1, driver.needsReset.get());
    }

    @Test
    void shouldRefuseToWaitForItself() {
        start();
        device.thread().call(() -> assertThrows(IllegalStateException.class, () -> device.insertStage(new CountingStage())));
        device.close();
        assertThrows(IllegalStateException.class, () -> device.resize(512));
    }
}
