// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineCounter;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.devices.testkit.Allocations;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest's disk in a qcow2 image. */
@NeedsQemuImg
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class Qcow2DiskTest extends DiskFixture {

    private Path qcow2;

    @BeforeEach
    void convert() throws IOException, InterruptedException {
        qcow2 = folder.resolve("disk.qcow2");
        qemuImg("convert", "-f", "raw", "-O", "qcow2", image.toString(), qcow2.toString());
    }

    private static void qemuImg(String... words) throws IOException, InterruptedException {
        String[] command = new String[words.length + 1];
        command[0] = "qemu-img";
        System.arraycopy(words, 0, command, 1, words.length);
        assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor(), () -> Arrays.toString(command));
    }

    @Override
    BlockDeviceConfig.Builder config() {
        return BlockDeviceConfig.qcow2("disk0", qcow2.toString()).queueSize(QUEUE_SIZE);
    }

    @Test
    void shouldReadAndWriteTheImagesDisk() throws Exception {
        open(config().queues(2));
        driver.start();
        Random random = new Random(5);
        for (int i = 0; i < 200; i++) {
            driver.use(i & 1);
            int sector = random.nextInt(DISK_SECTORS - 16);
            byte[] data = new byte[512 * (1 + random.nextInt(16))];
            random.nextBytes(data);
            driver.put(DATA, data);
            assertEquals(OK, driver.request(BlockDriver.OUT, sector, DATA, data.length));
            System.arraycopy(data, 0, content, sector * 512, data.length);
            if (i % 10 == 0) {
                assertEquals(OK, driver.range(BlockDriver.WRITE_ZEROES, sector, 8, i % 20 == 0 ? BlockDriver.UNMAP : 0));
                Arrays.fill(content, sector * 512, (sector + 8) * 512, (byte) 0);
            }
            sector = random.nextInt(DISK_SECTORS - 16);
            assertEquals(OK, driver.request(BlockDriver.IN, sector, DATA, 8192));
            assertArrayEquals(content(sector, 16), driver.bytes(DATA, 8192));
        }
        assertEquals(OK, driver.range(BlockDriver.DISCARD, 0, 256, 0));
        Arrays.fill(content, 0, 256 * 512, (byte) 0);
        // Given back when no table on disk points to it any more.
        assertEquals(OK, driver.request(BlockDriver.FLUSH, 0, 0, 0));
        await("the clusters are given back", () ->
            device.counters(0).engine().get(EngineCounter.DISCARDED_BYTES)
                + device.counters(1).engine().get(EngineCounter.DISCARDED_BYTES) >= 256 * 512);
        device.close();

        Files.write(image, content);
        qemuImg("check", "-q", qcow2.toString());
        qemuImg("compare", "-q", "-f", "raw", "-F", "qcow2", image.toString(), qcow2.toString());
    }

    /** The promise of the fast path holds with a format in between. */
    @ParameterizedTest
    @ValueSource(ints = {BlockDriver.IN, BlockDriver.OUT})
    void shouldAllocateNothingPerRequest(int type) {
        start();
        int[] sector = {0};
        Allocations.assertNone(device.thread()::call, 2000, () -> driver.request(type, sector[0]++ % 1000, DATA, 512));
    }

    @Test
    void shouldAllocateNothingForZeroes() {
        start();
        assertEquals(OK, driver.range(BlockDriver.DISCARD, 0, 1024, 0));
        int[] sector = {0};
        Allocations.assertNone(device.thread()::call, 2000, () -> driver.request(BlockDriver.IN, sector[0]++ % 1000, DATA, 4096));
    }

    @Test
    void shouldRefuseSeveralThreadsAndFilesThatAreNotNamed() throws Exception {
        String refusal = assertThrows(IllegalArgumentException.class, () -> config().queues(2).ioThreads(2).build())
            .getMessage();
        assertTrue(refusal.contains("use iothreads=1"), refusal);
        qemuImg("create", "-q", "-f", "qcow2", "-F", "raw", "-b", image.toString(), qcow2.toString());
        refusal = assertThrows(DriveException.class, () -> VirtioBlockDevice.open(config().build())).getMessage();
        assertTrue(refusal.contains("add backing="), refusal);

        open(config().backing(BackingFile.chain(image.toString())));
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.IN, 100, DATA, 4096));
        assertArrayEquals(content(100, 8), driver.bytes(DATA, 4096));
    }

    /** Each layer has something that those below have not, and the disk is all of it. */
    @Test
    void shouldReadThroughAChain() throws Exception {
        String[] chain = {folder.resolve("two.qcow2").toString(), folder.resolve("one.qcow2").toString(), image.toString()};
        String[] tops = {chain[1], chain[0], qcow2.toString()};
        for (int layer = 0; layer < tops.length; layer++) {
            String[] below = Arrays.copyOfRange(chain, chain.length - 1 - layer, chain.length);
            qemuImg("create", "-q", "-f", "qcow2", "-F", layer == 0 ? "raw" : "qcow2", "-b", below[0], tops[layer]);
            device = VirtioBlockDevice.open(BlockDeviceConfig.qcow2("disk0", tops[layer]).queueSize(QUEUE_SIZE)
                .backing(BackingFile.chain(below)).build());
            driver = new BlockDriver(device, QUEUE_SIZE);
            driver.start();
            byte[] data = new byte[4096];
            Arrays.fill(data, (byte) (layer + 1));
            driver.put(DATA, data);
            int sector = 300 * layer + 7;
            assertEquals(OK, driver.request(BlockDriver.OUT, sector, DATA, data.length));
            System.arraycopy(data, 0, content, 512 * sector, data.length);
            for (int at = 0; at < DISK_SECTORS; at += 64) {
                assertEquals(OK, driver.request(BlockDriver.IN, at, DATA, 64 * 512));
                assertArrayEquals(content(at, 64), driver.bytes(DATA, 64 * 512), "sector " + at + " with layer " + layer);
            }
            close();
        }
        device = null;
        driver = null;
        Path expected = Files.write(folder.resolve("expected.img"), content);
        qemuImg("compare", "-q", "-f", "raw", "-F", "qcow2", expected.toString(), qcow2.toString());
        qemuImg("check", "-q", qcow2.toString());
    }
}
