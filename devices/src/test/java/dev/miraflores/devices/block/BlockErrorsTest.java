// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.Errno;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code rerror} and {@code werror}: what fails on the host is reported, ignored, or held until the machine goes on. */
@NeedsIoUring
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockErrorsTest extends DiskFixture {

    private final RecordingBackend backend = new RecordingBackend();
    private final ConcurrentLinkedQueue<String> told = new ConcurrentLinkedQueue<>();

    private void start(ErrorPolicy read, ErrorPolicy write) {
        open(config().readErrors(read).writeErrors(write), backend);
        device.setEvents(new BlockEvents() {
            @Override
            public void ioError(
                    VirtioBlockDevice disk, Operation operation, long offset, long bytes, int errno, boolean stopped) {
                told.add(operation + " " + offset + "+" + bytes + " " + Errno.name(errno) + (stopped ? " stopped" : ""));
            }
        });
        driver.start();
    }

    /** Sends one without waiting. */
    private void send(int slot, int type, long sector) {
        driver.describe(slot, type, sector, DATA + 4096L * slot, type == BlockDriver.FLUSH ? 0 : 512);
        driver.add();
        driver.notifyDevice();
    }

    /** QEMU's own: writes that find no room wait, all else is reported. */
    @Test
    void shouldHoldWritesWithoutRoomByDefault() {
        open(backend);
        driver.start();
        backend.result = -Errno.ENOSPC;
        assertEquals(IOERR, driver.request(BlockDriver.IN, 0, DATA, 512));
        send(1, BlockDriver.OUT, 3);
        await("it is held", () -> count(BlockCounter.HELD) == 1);
        assertEquals(List.of(new InFlightRequest(0, Operation.WRITE, 3 * 512, 512, 0, true)),
            device.inFlight().stream().map(r -> new InFlightRequest(
                r.queue(), r.operation(), r.byteOffset(), r.byteCount(), 0, r.held())).toList());
        backend.result = -Errno.EIO;
        device.resume();
        driver.awaitUsed();
        assertEquals(IOERR, driver.status(1));
        assertEquals(1, count(BlockCounter.RETRIED));
    }

    /** Without room at first, then with some: the guest notices nothing. */
    @Test
    void shouldTryHeldRequestsAnewUntilTheySucceed() {
        start(ErrorPolicy.STOP, ErrorPolicy.STOP);
        backend.result = -Errno.EIO;
        send(1, BlockDriver.OUT, 1);
        send(2, BlockDriver.IN, 2);
        send(3, BlockDriver.FLUSH, 0);
        await("all are held", () -> count(BlockCounter.HELD) == 3);
        device.pause();
        device.resume();
        await("all are held again", () -> count(BlockCounter.HELD) == 6);
        assertEquals(-1, driver.queue.pollUsed());
        assertTrue(told.contains("WRITE 512+512 EIO stopped"), told.toString());
        assertTrue(told.contains("FLUSH 0+0 EIO stopped"), told.toString());
        backend.result = 0;
        device.resume();
        for (int i = 1; i <= 3; i++) {
            driver.awaitUsed();
        }
        for (int i = 1; i <= 3; i++) {
            assertEquals(OK, driver.status(i));
        }
        assertEquals(6, count(BlockCounter.RETRIED));
        assertTrue(device.inFlight().isEmpty());
    }

    @Test
    @Tag("virtio:2.7.8.2/len-written")
    @Tag("class:leak")
    void shouldIgnoreWhatItIsToIgnore() {
        start(ErrorPolicy.IGNORE, ErrorPolicy.IGNORE);
        backend.result = -Errno.EIO;
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        // CVE-2024-8612's class: nothing was written from the first byte on (virtio 1.3 §2.7.8.2).
        assertEquals(0, driver.queue.usedBytes());
        assertEquals(OK, driver.request(BlockDriver.OUT, 0, DATA, 512));
        assertEquals(1, driver.queue.usedBytes());
        driver.putRange(DATA, 0, 8, 0);
        driver.putRange(DATA + 16, 16, 8, 0);
        assertEquals(OK, driver.request(BlockDriver.WRITE_ZEROES, 0, DATA, 32));
        assertEquals(2, count(BlockCounter.WRITE_ZEROES_ERRORS), "once for each range");
        assertEquals(4, told.size());
    }

    /** Of several ranges the one that failed is tried anew, and then the rest. */
    @Test
    void shouldGoOnWithTheRangeThatWasHeld() {
        start(ErrorPolicy.REPORT, ErrorPolicy.STOP);
        backend.result = -Errno.EIO;
        driver.putRange(DATA, 0, 8, 0);
        driver.putRange(DATA + 16, 16, 8, 0);
        driver.describe(0, BlockDriver.DISCARD, 0, DATA, 32);
        driver.add();
        driver.notifyDevice();
        await("it is held", () -> count(BlockCounter.HELD) == 1);
        backend.result = 0;
        device.resume();
        driver.awaitUsed();
        assertEquals(OK, driver.status(0));
        assertEquals(16 * 512, count(BlockCounter.DISCARDED_BYTES));
    }

    /** A driver that resets the disk wants nothing of what it asked before. */
    @Test
    void shouldForgetHeldRequestsInAReset() {
        start(ErrorPolicy.STOP, ErrorPolicy.STOP);
        backend.result = -Errno.EIO;
        send(1, BlockDriver.IN, 2);
        await("it is held", () -> count(BlockCounter.HELD) == 1);
        device.reset();
        backend.result = 0;
        driver.start();
        device.resume();
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        assertEquals(0, count(BlockCounter.RETRIED));
    }

    @Test
    void shouldFailWhatIsBeyondTheEndWhenItIsTriedAnew() {
        NullBackend shrinking = new NullBackend(DISK_BYTES, false);
        CountingStage stage = new CountingStage();
        open(config().readErrors(ErrorPolicy.STOP).stage(stage), new FailingOnce(shrinking));
        driver.start();
        send(1, BlockDriver.IN, DISK_SECTORS - 1);
        await("it is held", () -> count(BlockCounter.HELD) == 1);
        device.resize(DISK_BYTES / 2);
        device.resume();
        driver.awaitUsed();
        assertEquals(IOERR, driver.status(1));
    }

    @Test
    void shouldTakeNothingWhilePaused() {
        start(ErrorPolicy.REPORT, ErrorPolicy.REPORT);
        assertEquals(OK, driver.request(BlockDriver.IN, 0, DATA, 512));
        for (int round = 0; round < 50; round++) {
            device.pause();
            device.pause();
            send(round % 8, BlockDriver.IN, round);
            device.thread().call(() -> { });
            device.thread().call(() -> { });
            assertEquals(round + 1, count(BlockCounter.READS));
            device.resume();
            driver.awaitUsed();
            assertEquals(OK, driver.status(round % 8));
        }
    }

    /** A machine that is paused may be reset by nobody but its owner, and then goes on paused. */
    @Test
    void shouldStayPausedAcrossAReset() {
        start(ErrorPolicy.REPORT, ErrorPolicy.REPORT);
        device.pause();
        device.reset();
        driver.start();
        send(0, BlockDriver.IN, 0);
        device.thread().call(() -> { });
        device.thread().call(() -> { });
        assertEquals(0, count(BlockCounter.READS));
        device.resume();
        driver.awaitUsed();
        assertEquals(1, count(BlockCounter.READS));
    }

    @Test
    void shouldRefuseToHoldReadsForWantOfRoom() {
        assertThrows(IllegalArgumentException.class, () -> config().readErrors(ErrorPolicy.ENOSPC).build());
        assertArrayEquals(new String[] {"report", "ignore", "stop", "enospc"},
            List.of(ErrorPolicy.values()).stream().map(ErrorPolicy::word).toArray());
    }

    /** Fails the first request. */
    private static final class FailingOnce implements BlockBackend {
        private final BlockBackend next;

        FailingOnce(BlockBackend next) {
            this.next = next;
        }

        @Override
        public long byteSize() {
            return next.byteSize();
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
        public long resize(long byteSize) {
            return next.resize(byteSize);
        }

        @Override
        public BlockLink attach(IoThread thread, LinkOptions options) {
            BlockLink link = next.attach(thread, options);
            boolean[] failed = new boolean[1];
            return new BlockLink() {
                @Override
                public void submit(BlockIo io) {
                    if (failed[0]) {
                        link.submit(io);
                    } else {
                        failed[0] = true;
                        io.complete(-Errno.EIO);
                    }
                }

                @Override
                public void close() {
                    link.close();
                }
            };
        }

        @Override
        public void close() {
            next.close();
        }
    }
}
