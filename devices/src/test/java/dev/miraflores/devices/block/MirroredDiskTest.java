// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.dirty.DirtyStage;
import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorException;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorListener;
import dev.miraflores.aio.mirror.MirrorState;
import dev.miraflores.aio.mirror.MirrorTarget;
import dev.miraflores.devices.testkit.Allocations;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A disk that is mirrored while it is used, reset, changed, resized and closed. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MirroredDiskTest extends DiskFixture {

    private static final MirrorConfig CONFIG = MirrorConfig.DEFAULTS.withGranularity(4096).withChunks(65_536, 4);

    /** Somebody's own, which takes everything at once or, when told so, hangs. */
    private static final class Target implements MirrorTarget {
        final HangingBackend backend = new HangingBackend();
        private int attached;
        /** When it is attached so often, {@link #whenAttached} is run first. */
        int attachments;
        Runnable whenAttached;

        @Override
        public long byteSize() {
            return backend.byteSize();
        }

        @Override
        public int writeUnitBytes() {
            return 512;
        }

        @Override
        public boolean isSame(BlockFile file) {
            return false;
        }

        @Override
        public BlockLink attach(IoThread thread, LinkOptions options) {
            if (++attached == attachments) {
                whenAttached.run();
            }
            return backend.attach(thread, options);
        }

        @Override
        public void close() {
            backend.close();
        }

        @Override
        public String toString() {
            return "nowhere";
        }
    }

    private Path copy(int bytes) throws IOException {
        Path copy = folder.resolve("copy.img");
        Files.write(copy, new byte[bytes]);
        return copy;
    }

    private MirrorJob ready(MirrorTarget target, MirrorConfig config) throws InterruptedException {
        MirrorJob job = device.mirror(target, config, MirrorListener.NONE);
        assertTrue(job.awaitReady(60, TimeUnit.SECONDS), () -> job.state() + " " + job.failure());
        return job;
    }

    private static MirrorTarget file(Path path) {
        return MirrorTarget.file(path.toString(), CacheMode.WRITEBACK);
    }

    @Test
    void shouldSurviveAResetAndChanges() throws Exception {
        start();
        Path copy = copy(DISK_BYTES);
        MirrorJob job = ready(file(copy), CONFIG);
        assertSame(job, device.mirrorJob());
        driver.put(DATA, new byte[] {1, 2, 3});
        assertEquals(OK, driver.request(BlockDriver.OUT, 9, DATA, 4096));
        device.reset();
        driver.start();
        assertEquals(OK, driver.request(BlockDriver.OUT, 100, DATA, 4096));
        CountingStage counting = new CountingStage();
        DirtyStage dirty = new DirtyStage(DISK_BYTES, 4096);
        device.insertStage(counting);
        device.insertStage(dirty);
        assertSame(counting, device.stages().get(0));
        assertSame(dirty, device.stages().get(1));
        assertEquals(3, device.stages().size(), "with the mirror next to the image");
        assertEquals(OK, driver.request(BlockDriver.OUT, 200, DATA, 4096));
        assertEquals(1, counting.passed.get());
        assertTrue(dirty.bitmap().isDirty(200 * 512, 4096));
        device.removeStage(counting);
        assertEquals(OK, driver.range(BlockDriver.WRITE_ZEROES, 300, 16, BlockDriver.UNMAP));
        assertEquals(OK, driver.range(BlockDriver.DISCARD, 400, 16, 0));
        assertEquals(OK, driver.request(BlockDriver.FLUSH, 0, 0, 0));
        job.stop();
        assertArrayEquals(Files.readAllBytes(image), Files.readAllBytes(copy));
        assertEquals(3, Files.readAllBytes(copy)[9 * 512 + 2]);
        assertEquals(1, device.stages().size());
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertFalse(Arrays.equals(Files.readAllBytes(image), Files.readAllBytes(copy)));
    }

    /** A target that is larger does not make the disk larger; that it can be made, it can. */
    @Test
    void shouldKeepItsSizeOnALargerTarget() throws Exception {
        start();
        Path copy = copy(2 * DISK_BYTES);
        BlockBackend before = device.backend();
        ready(file(copy), CONFIG).complete();
        assertNotSame(before, device.backend());
        assertEquals(DISK_BYTES, device.backend().byteSize());
        assertEquals(0, driver.configChanges.get());
        driver.put(DATA, new byte[] {7});
        assertEquals(OK, driver.request(BlockDriver.OUT, DISK_SECTORS - 1, DATA, 512));
        assertEquals(IOERR, driver.request(BlockDriver.OUT, DISK_SECTORS, DATA, 512));
        assertEquals(7, Files.readAllBytes(copy)[DISK_BYTES - 512]);
        assertArrayEquals(content, Files.readAllBytes(image));
        assertEquals(DISK_BYTES + 4096, device.resize(DISK_BYTES + 4096));
        assertEquals(OK, driver.request(BlockDriver.OUT, DISK_SECTORS, DATA, 512));
    }

    @Test
    void shouldRefuseWhatCannotBe() throws Exception {
        start();
        MirrorJob job = ready(file(copy(DISK_BYTES)), CONFIG);
        Target second = new Target();
        MirrorException e = assertThrows(MirrorException.class, () -> device.mirror(second, CONFIG, MirrorListener.NONE));
        assertEquals("drive disk0: mirror to nowhere: it is being mirrored to " + folder.resolve("copy.img")
            + "; end that first", e.getMessage());
        assertTrue(second.backend.closed);
        assertThrows(IllegalStateException.class, () -> device.replaceBackend(new HangingBackend()));
        assertThrows(IllegalStateException.class, () -> device.removeStage(device.stages().getLast()));
        assertEquals(MirrorState.READY, job.state());
        job.cancel();
        assertTrue(device.stages().isEmpty());
        device.close();
        driver.close();

        open(config().readOnly(true));
        assertTrue(assertThrows(MirrorException.class, () -> device.mirror(new Target(), CONFIG, MirrorListener.NONE))
            .getMessage().contains("read-only"));
    }

    @Test
    void shouldEndTheMirrorWhenResized() throws Exception {
        start();
        MirrorJob job = ready(file(copy(DISK_BYTES)), CONFIG);
        assertEquals(2 * DISK_BYTES, device.resize(2 * DISK_BYTES));
        assertTrue(job.awaitEnd(60, TimeUnit.SECONDS));
        assertEquals("drive disk0: mirror to " + folder.resolve("copy.img")
            + ": the disk was resized from 1048576 to 2097152 bytes; start it again", job.failure());
        assertEquals(OK, driver.request(BlockDriver.OUT, DISK_SECTORS, DATA, 512));
        assertTrue(device.stages().isEmpty());
    }

    @Test
    void shouldEndTheMirrorWhenClosed() throws Exception {
        start();
        Path copy = copy(DISK_BYTES);
        MirrorJob job = ready(file(copy), CONFIG);
        device.close();
        assertEquals(MirrorState.CANCELLED, job.state());
        file(copy).close();
    }

    /** Neither requests nor the end of the disk wait for it longer than it is given. */
    @Test
    void shouldBeClosedThoughTheTargetHangs() throws Exception {
        start();
        Target target = new Target();
        MirrorJob job = ready(target, CONFIG.withTargetTimeoutNs(300_000_000));
        target.backend.hangs = true;
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 4096));
        assertTrue(job.awaitEnd(60, TimeUnit.SECONDS));
        assertEquals(MirrorState.FAILED, job.state());
        assertFalse(job.isReleased());
        IoThread thread = device.thread();
        device.close();
        target.backend.goOn(thread);
        await("the target is closed", job::isReleased);
        assertTrue(target.backend.closed);
        thread.close();
    }

    /** A mirror that is over, but for a target that hangs, is not forgotten over the next one. */
    @Test
    void shouldBeClosedThoughTheTargetOfAMirrorBeforeHangs() throws Exception {
        start();
        Target target = new Target();
        MirrorJob job = ready(target, CONFIG.withTargetTimeoutNs(300_000_000));
        target.backend.hangs = true;
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 4096));
        assertTrue(job.awaitEnd(60, TimeUnit.SECONDS));
        ready(file(copy(DISK_BYTES)), CONFIG).stop();
        assertFalse(job.isReleased());
        IoThread thread = device.thread();
        device.close();
        target.backend.goOn(thread); // which has not ended
        await("the target is closed", job::isReleased);
        assertTrue(target.backend.closed);
        thread.close();
    }

    /** The disk is closed while a mirror begins: that one is ended too, and none begins after it. */
    @Test
    void shouldEndAMirrorThatBeginsWhileTheDiskIsClosed() throws Exception {
        start();
        Target target = new Target();
        CountDownLatch begins = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        target.attachments = 2; // once for the copying; the second time it is among the disk's stages
        target.whenAttached = () -> {
            begins.countDown();
            try {
                goOn.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        };
        Thread mirror = Thread.ofPlatform().start(() -> device.mirror(target, CONFIG, MirrorListener.NONE));
        begins.await();
        Thread close = Thread.ofPlatform().start(device::close);
        while (close.getState() != Thread.State.BLOCKED) {
            Thread.sleep(1);
        }
        goOn.countDown();
        close.join();
        assertTrue(device.mirrorJob().state().isEnd());
        assertTrue(target.backend.closed);
        mirror.join();
        Target late = new Target();
        assertTrue(assertThrows(MirrorException.class, () -> device.mirror(late, CONFIG, MirrorListener.NONE))
            .getMessage().contains("closed"));
        assertTrue(late.backend.closed);
    }

    @NeedsIoUring
    @ParameterizedTest
    @ValueSource(ints = {BlockDriver.OUT, BlockDriver.FLUSH, BlockDriver.WRITE_ZEROES})
    void shouldAllocateNothingPerRequest(int type) throws Exception {
        start();
        ready(new Target(), CONFIG);
        driver.putRange(DATA, 8, 8, 0);
        boolean zeroes = type == BlockDriver.WRITE_ZEROES;
        int[] sector = {0};
        Allocations.assertNone(device.thread()::call, 2000,
                () -> driver.request(type, sector[0]++ % 1000, DATA, zeroes ? 16 : 4096));
    }
}
