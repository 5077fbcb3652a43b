// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThread;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Several queues of one disk (virtio 1.3 §5.2.2, VIRTIO_BLK_F_MQ), on as many threads or fewer. */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockQueuesTest extends DiskFixture {

    @ParameterizedTest
    @CsvSource({"1,1", "2,1", "4,2", "4,3", "5,5"})
    void shouldServeAllQueuesOnTheirThreads(int queues, int threads) throws IOException {
        open(config().queues(queues).ioThreads(threads));
        driver.start();
        assertEquals(queues > 1 ? 1 : 0, device.features() >>> virtio_abi.VIRTIO_BLK_F_MQ & 1);
        assertEquals(queues, device.queueCount());
        assertEquals(queues, device.readConfig((int) virtio_blk_config.num_queues, 2));

        Random random = new Random(5);
        for (int round = 0; round < 200; round++) {
            int queue = round % queues;
            driver.use(queue);
            int sector = random.nextInt(DISK_SECTORS - 8);
            byte[] data = new byte[4096];
            random.nextBytes(data);
            driver.put(DATA, data);
            assertEquals(OK, driver.request(BlockDriver.OUT, sector, DATA, 4096));
            System.arraycopy(data, 0, content, sector * 512, data.length);
            driver.use((queue + 1) % queues);
            assertEquals(OK, driver.request(BlockDriver.IN, sector, DATA + 8192, 4096));
            assertArrayEquals(data, driver.bytes(DATA + 8192, 4096));
        }

        assertArrayEquals(content, Files.readAllBytes(image));
        for (int queue = 0; queue < queues; queue++) {
            assertTrue(device.counters(queue).requests().get(BlockCounter.WRITES) >= 200 / queues, "queue " + queue);
            assertEquals(device.thread(queue % threads), device.thread(queue));
        }
        for (int thread = 1; thread < threads; thread++) {
            assertNotEquals(device.thread(0), device.thread(thread));
        }
    }

    @Test
    void shouldResetQueuesThatAreBusyTogether() {
        open(config().queues(3).ioThreads(2));
        for (int round = 0; round < 50; round++) {
            driver.start(round % 2 == 0 ? 0 : RingFeatures.RING_PACKED);
            for (int queue = 0; queue < 3; queue++) {
                driver.use(queue);
                for (int i = 0; i < 5; i++) {
                    driver.describe(5 * queue + i, BlockDriver.IN, i, DATA + 4096L * (5 * queue + i), 4096);
                    driver.add();
                }
                driver.notifyDevice();
            }
            device.reset();
            driver.ram.asSlice(DATA, 65536).fill(BlockDriver.UNTOUCHED);
            assertTrue(device.inFlight().isEmpty());
        }
    }

    /** A bug on one queue is the end of the whole disk, until its driver resets it (§2.1.2). */
    @Test
    void shouldStopAllQueuesWhenOneIsBroken() {
        open(config().queues(2).ioThreads(2));
        CountingStage stage = new CountingStage();
        device.insertStage(stage);
        driver.start();
        stage.bugWhenSubmitted = new IllegalStateException("on purpose: a test of what a bug does");
        driver.describe(0, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        await("the disk needs a reset", () -> driver.needsReset.get() == 1);
        stage.bugWhenSubmitted = null;
        driver.use(1);
        int before = stage.passed.get();
        device.thread(1).call(() -> { });
        driver.describe(1, BlockDriver.IN, 0, DATA, 512);
        driver.add();
        driver.notifyDevice();
        device.thread(1).call(() -> { });
        assertEquals(before, stage.passed.get());

        device.reset();
        driver.start();
        driver.use(1);
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        assertEquals(1, driver.needsReset.get());
    }

    @Test
    void shouldShareAThreadThatIsNotItsOwn() throws IOException {
        Path second = folder.resolve("second.img");
        Files.write(second, content);
        try (IoThread shared = IoThread.start("main-loop")) {
            device = VirtioBlockDevice.open(config().queues(2).sharedThread(shared).build());
            driver = new BlockDriver(device, QUEUE_SIZE);
            VirtioBlockDevice other = VirtioBlockDevice.open(
                BlockDeviceConfig.raw("disk1", second.toString()).queueSize(QUEUE_SIZE).sharedThread(shared).build());
            try (BlockDriver otherDriver = new BlockDriver(other, QUEUE_SIZE)) {
                driver.start();
                otherDriver.start();
                assertEquals(shared, device.thread(1));
                assertEquals(OK, otherDriver.request(BlockDriver.IN, 0, DATA, 512));
                other.close();
            }
            assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
            device.close();
        }
    }

    @Test
    void shouldRefuseMoreThreadsThanQueues() {
        IllegalArgumentException refusal =
            assertThrows(IllegalArgumentException.class, () -> config().queues(2).ioThreads(3).build());
        assertTrue(refusal.getMessage().contains("say queues=3"), refusal.getMessage());
    }
}
