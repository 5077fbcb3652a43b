// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * A disk over a file of known content, its device, and its driver; all closed after each test.
 * <p>Thread: the test's.
 */
abstract class DiskFixture {

    static final int OK = 0;
    static final int IOERR = 1;
    static final int UNSUPP = 2;

    static final int DISK_BYTES = 1 << 20;
    static final int DISK_SECTORS = DISK_BYTES / 512;
    static final int QUEUE_SIZE = 64;
    static final long DATA = BlockDriver.DATA;
    private static final int PATIENCE_MS = 20_000;

    @TempDir
    Path folder;
    Path image;
    final byte[] content = new byte[DISK_BYTES];
    VirtioBlockDevice device;
    BlockDriver driver;

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

    BlockDeviceConfig.Builder config() {
        return BlockDeviceConfig.raw("disk0", image.toString()).queueSize(QUEUE_SIZE);
    }

    void open(BlockDeviceConfig.Builder config) {
        device = VirtioBlockDevice.open(config.build());
        driver = new BlockDriver(device, QUEUE_SIZE);
    }

    void open(BlockDeviceConfig.Builder config, BlockBackend backend) {
        device = VirtioBlockDevice.open(config.build(), backend);
        driver = new BlockDriver(device, QUEUE_SIZE);
    }

    void open(BlockBackend backend) {
        open(config(), backend);
    }

    void start() {
        open(config());
        driver.start();
    }

    byte[] content(int sector, int sectors) {
        return Arrays.copyOfRange(content, sector * 512, (sector + sectors) * 512);
    }

    long count(BlockCounter counter) {
        return device.counters(0).requests().get(counter);
    }

    long count(BlockFault fault) {
        return device.counters(0).faults().get(fault);
    }

    /** Waits for what another thread will bring about. */
    static void await(String what, BooleanSupplier condition) {
        for (int i = 0; !condition.getAsBoolean(); i++) {
            assertTrue(i < PATIENCE_MS, () -> "waited in vain until " + what);
            try {
                Thread.sleep(1);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }
}
