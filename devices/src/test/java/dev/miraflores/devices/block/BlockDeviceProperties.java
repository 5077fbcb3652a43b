// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.SkipExecutionHook;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import net.jqwik.api.lifecycle.LifecycleContext;

/**
 * Random reads, writes, flushes and write zeroes in any shape, many at once, on any kind of queues, with stages that come and
 * go, against a model of the disk; a seed reproduces a failure.
 */
@AddLifecycleHook(BlockDeviceProperties.WhereIoUringIs.class)
class BlockDeviceProperties {

    private static final int DISK_SECTORS = 1024;
    private static final int QUEUE_SIZE = 128;
    private static final int MAX_ELEMENTS = 6;
    private static final int ROUNDS = 15;
    private static final int SLOT_BYTES = 64 * 1024;
    private static final int MAX_SLOTS = 32;
    private static final int[] TYPES = {BlockDriver.IN, BlockDriver.IN, BlockDriver.IN, BlockDriver.OUT, BlockDriver.OUT,
        BlockDriver.OUT, BlockDriver.FLUSH, BlockDriver.WRITE_ZEROES};

    @Property(tries = 12)
    void shouldBeTheDiskThatTheModelIs(@ForAll long seed, @ForAll CacheMode cache) throws IOException {
        Random random = new Random(seed);
        Path image = Files.createTempFile("model", ".img");
        byte[] model = new byte[DISK_SECTORS * 512];
        random.nextBytes(model);
        Files.write(image, model);
        BlockDeviceConfig config = BlockDeviceConfig.raw("model", image.toString())
            .cache(cache).queueSize(QUEUE_SIZE).registerMemory(random.nextBoolean())
            .queues(1 + random.nextInt(4)).inOrder(random.nextInt(3) == 0).build();
        try (VirtioBlockDevice device = VirtioBlockDevice.open(config);
                BlockDriver driver = new BlockDriver(device, QUEUE_SIZE)) {
            long without = (random.nextBoolean() ? RingFeatures.EVENT_IDX : 0)
                | (random.nextBoolean() ? RingFeatures.RING_PACKED : 0);
            driver.start(without);
            for (int round = 0; round < ROUNDS; round++) {
                driver.use(random.nextInt(device.queueCount()));
                CountingStage stage = new CountingStage();
                device.insertStage(stage);
                round(random, driver, model);
                if (random.nextBoolean() || device.stages().size() == BlockStage.MAX_STAGES) {
                    device.removeStage(stage);
                }
                if (random.nextInt(5) == 0) {
                    device.reset();
                    driver.start(without);
                }
            }
            device.reset();
            assertArrayEquals(model, Files.readAllBytes(image));
        } finally {
            Files.delete(image);
        }
    }

    private static void round(Random random, BlockDriver driver, byte[] model) {
        int count = 1 + random.nextInt(Math.min(MAX_SLOTS, QUEUE_SIZE / (MAX_ELEMENTS + 2)));
        int share = DISK_SECTORS / count;
        Map<Integer, Expected> expected = new HashMap<>();
        for (int slot = 0; slot < count; slot++) {
            int type = TYPES[random.nextInt(TYPES.length)];
            int sectors = type == BlockDriver.FLUSH ? 0 : 1 + random.nextInt(Math.min(share, 64));
            int sector = share * slot + random.nextInt(share - sectors + 1);
            byte[] data = Arrays.copyOfRange(model, sector * 512, (sector + sectors) * 512);
            if (type == BlockDriver.OUT || type == BlockDriver.WRITE_ZEROES) {
                random.nextBytes(data);
                Arrays.fill(data, 0, type == BlockDriver.OUT ? 0 : data.length, (byte) 0);
                System.arraycopy(data, 0, model, sector * 512, data.length);
            }
            Expected request = new Expected(type, data, new long[MAX_ELEMENTS], new int[MAX_ELEMENTS]);
            request.describe(random, driver, slot, sector);
            int id = random.nextBoolean() ? driver.add() : driver.addIndirect(slot);
            expected.put(id, request);
            if (random.nextInt(4) == 0) {
                driver.notifyDevice();
            }
        }
        driver.notifyDevice();
        for (int i = 0; i < count; i++) {
            Expected request = expected.remove(driver.awaitUsed());
            assertEquals(request.type == BlockDriver.IN ? request.data.length + 1 : 1, driver.queue.usedBytes());
            request.check(driver);
        }
        for (int slot = 0; slot < count; slot++) {
            assertEquals(0, driver.status(slot));
        }
    }

    /** A request under way, and what its buffers hold afterwards. */
    private record Expected(int type, byte[] data, long[] gpas, int[] lengths) {

        void describe(Random random, BlockDriver driver, int slot, int sector) {
            driver.putHeader(slot, type, sector);
            driver.elements.clear();
            int split = 1 + random.nextInt(16);
            driver.elements.readable(driver.headerGpa(slot), split);
            if (split < 16) {
                driver.elements.readable(driver.headerGpa(slot) + split, 16 - split);
            }
            if (type == BlockDriver.WRITE_ZEROES) {
                long at = BlockDriver.DATA + (long) SLOT_BYTES * slot;
                driver.putRange(at, sector, data.length / 512, random.nextInt(2));
                driver.elements.readable(at, 16).writable(driver.statusGpa(slot), 1);
                return;
            }
            int shape = random.nextInt(3);
            long at = BlockDriver.DATA + (long) SLOT_BYTES * slot + (shape == 0 ? 0 : random.nextInt(4096));
            int left = data.length;
            for (int i = 0; left > 0; i++) {
                int part = shape < 2 || i == MAX_ELEMENTS - 3 ? left : 1 + random.nextInt(left);
                gpas[i] = at;
                lengths[i] = part;
                if (type == BlockDriver.OUT) {
                    driver.put(at, Arrays.copyOfRange(data, data.length - left, data.length - left + part));
                    driver.elements.readable(at, part);
                } else {
                    driver.ram.asSlice(at, part).fill(BlockDriver.UNTOUCHED);
                    driver.elements.writable(at, part);
                }
                at += part + random.nextInt(64);
                left -= part;
            }
            driver.elements.writable(driver.statusGpa(slot), 1);
        }

        void check(BlockDriver driver) {
            int done = type == BlockDriver.WRITE_ZEROES ? data.length : 0;
            for (int i = 0; done < data.length; i++) {
                assertArrayEquals(Arrays.copyOfRange(data, done, done + lengths[i]), driver.bytes(gpas[i], lengths[i]));
                done += lengths[i];
            }
        }
    }

    static final class WhereIoUringIs implements SkipExecutionHook {
        @Override
        public SkipResult shouldBeSkipped(LifecycleContext context) {
            KernelFeatures features = KernelFeatures.host();
            if (features.isAvailable()) {
                return SkipResult.doNotSkip();
            }
            System.out.println("SKIPPED " + context.label() + ": " + features.whyNot());
            return SkipResult.skip(features.whyNot());
        }
    }
}
