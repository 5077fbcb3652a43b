// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleCounter;
import dev.miraflores.aio.throttle.ThrottleGroup;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.aio.throttle.ThrottleStage;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A limit that would take hours keeps nobody from a reset, a change or a pause; and stages that throw harm one disk. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ThrottledDiskTest {

    private static final int QUEUE_SIZE = 64;
    private static final int REQUESTS = 16;
    private static final int OK = 0;
    private static final ThrottleConfig SLOW =
        ThrottleConfig.UNLIMITED.with(ThrottleKind.BPS_WRITE, ThrottleLimit.of(1));

    private final List<Disk> disks = new ArrayList<>();

    private final class Disk {
        final VirtioBlockDevice device;
        final BlockDriver driver;

        Disk(BlockStage... stages) {
            BlockDeviceConfig.Builder config =
                BlockDeviceConfig.nothing("disk" + disks.size()).queueSize(QUEUE_SIZE);
            for (BlockStage stage : stages) {
                config.stage(stage);
            }
            device = VirtioBlockDevice.open(config.build());
            driver = new BlockDriver(device, QUEUE_SIZE);
            driver.start();
            disks.add(this);
        }

        void write(int requests) {
            for (int i = 0; i < requests; i++) {
                driver.describe(i, BlockDriver.OUT, 8L * i, BlockDriver.DATA, 4096);
                driver.add();
            }
            driver.notifyDevice();
        }

        void awaitWrites(int requests) {
            for (int i = 0; i < requests; i++) {
                driver.awaitUsed();
            }
        }
    }

    @AfterEach
    void close() {
        for (Disk disk : disks) {
            disk.device.close();
            disk.driver.close();
        }
    }

    /** All but the first, which a bucket that is empty lets through. */
    private static void awaitHeld(ThrottleStage stage, long requests) throws InterruptedException {
        while (stage.count(ThrottleCounter.HELD_WRITES) < requests) {
            Thread.sleep(1);
        }
    }

    @Test
    void shouldResetADiskThatIsThrottled() throws InterruptedException {
        ThrottleStage throttle = new ThrottleStage(new ThrottleGroup("g", SLOW));
        Disk disk = new Disk(throttle);
        disk.write(REQUESTS);
        awaitHeld(throttle, REQUESTS - 1);
        assertEquals(REQUESTS - 1, disk.device.inFlight().size());

        disk.device.reset();
        assertTrue(disk.device.inFlight().isEmpty());
        disk.driver.start();
        assertEquals(OK, disk.driver.request(BlockDriver.FLUSH, 0, 0, 0));
        throttle.group().setConfig(ThrottleConfig.UNLIMITED);
        assertEquals(OK, disk.driver.request(BlockDriver.OUT, 0, BlockDriver.DATA, 4096));
    }

    @Test
    void shouldTakeAThrottleAwayWithWhatItHolds() throws InterruptedException {
        ThrottleStage throttle = new ThrottleStage(new ThrottleGroup("g", SLOW));
        Disk disk = new Disk(throttle);
        disk.write(REQUESTS);
        awaitHeld(throttle, REQUESTS - 1);

        disk.device.removeStage(throttle);
        disk.awaitWrites(REQUESTS);
        assertEquals(0, throttle.group().size());
        disk.write(REQUESTS);
        disk.awaitWrites(REQUESTS);

        ThrottleStage another = new ThrottleStage(new ThrottleGroup("h", SLOW));
        disk.device.insertStage(another);
        disk.write(REQUESTS);
        awaitHeld(another, REQUESTS - 1);
        disk.device.pause(); // lets go of what is held, and counts it
        disk.device.resume();
        disk.awaitWrites(REQUESTS);
        disk.write(1);
        awaitHeld(another, REQUESTS);
        another.group().setConfig(ThrottleConfig.UNLIMITED);
        disk.awaitWrites(1);
    }

    /** Whether it throws at once or when a throttle before it lets a request go later. */
    @Test
    void shouldNeedAResetOfTheDiskAloneWhoseStageThrows() throws InterruptedException {
        ThrottleGroup group = new ThrottleGroup("g",
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(200)));
        for (int passes : new int[] {0, 40}) {
            ThrowingStage throwing = new ThrowingStage(passes);
            Disk bad = new Disk(new ThrottleStage(group), throwing);
            Disk good = new Disk(new ThrottleStage(group));
            bad.write(REQUESTS);
            good.write(REQUESTS);
            for (int left = passes + 1; bad.driver.needsReset.get() == 0; ) {
                if (left > 0 && bad.driver.queue.pollUsed() >= 0) {
                    left--;
                    bad.write(1);
                }
                Thread.onSpinWait();
            }
            good.awaitWrites(REQUESTS);
            good.write(REQUESTS);
            good.awaitWrites(REQUESTS);
            assertEquals(0, good.driver.needsReset.get());
            assertEquals(1, bad.driver.needsReset.get());

            throwing.passes = Integer.MAX_VALUE;
            bad.device.reset();
            bad.driver.start();
            assertEquals(OK, bad.driver.request(BlockDriver.OUT, 0, BlockDriver.DATA, 4096));
        }
    }

    /** A user's, with a bug. */
    private static final class ThrowingStage implements BlockStage {
        volatile int passes;

        ThrowingStage(int passes) {
            this.passes = passes;
        }

        @Override
        public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
            return new BlockLink() {
                private int passed;

                @Override
                public void submit(BlockIo io) {
                    if (passed++ >= passes) {
                        throw new IllegalStateException("on purpose: a test of what a bug does");
                    }
                    next.submit(io);
                }

                @Override
                public void close() {
                }
            };
        }

        @Override
        public void close() {
        }
    }
}
