// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

@NeedsLinuxAio
class NativeBlockEngineTest extends BlockEngineContract {

    NativeBlockEngineTest() {
        super(EngineKind.NATIVE, false);
    }

    /** io_submit(2) refuses when the turn's work has been published already: what comes of it must not wait for the next. */
    @Test
    void shouldPublishWhatTheKernelRefusesBeforeItSleeps() throws InterruptedException {
        CountDownLatch published = new CountDownLatch(1);
        Fd onlyWritten = Fd.adopt(Fd.tryOpen(image.toString(), Fd.O_WRONLY, 0));
        try (IoThread sleeper = IoThread.start("test-sleeper", new IoThreadOptions(0, 0, 0));
                EventFd doorbell = EventFd.create();
                BlockFile unreadable = BlockFile.ofAnything(onlyWritten, CacheMode.NONE, DISK_BYTES)) {
            Reader reader = new Reader(published);
            Watch[] watch = new Watch[1];
            sleeper.call(() -> {
                reader.engine = new NativeBlockEngine(sleeper, unreadable, LinkOptions.of(ioMemory, DEPTH));
                watch[0] = sleeper.watch(doorbell, reader);
            });
            boolean done = published.await(10, TimeUnit.SECONDS);
            sleeper.call(() -> {
                watch[0].close();
                reader.engine.close();
            });
            assertTrue(done, "not published");
            assertEquals(-Errno.EBADF, reader.io.await());
        }
    }

    /** Submits one read, and counts down when a turn ends after its completion. */
    private final class Reader implements PolledSource {
        private final TestIo io = new TestIo(arena).with(BlockIo.Operation.READ, 0, memory.asSlice(0, BLOCK));
        private final CountDownLatch published;
        private BlockEngine engine;
        private boolean begun;

        Reader(CountDownLatch published) {
            this.published = published;
        }

        @Override
        public boolean hasWork() {
            return !begun;
        }

        @Override
        public boolean poll() {
            if (begun) {
                return false;
            }
            begun = true;
            engine.submit(io);
            return true;
        }

        @Override
        public boolean enableEvents() {
            return !begun;
        }

        @Override
        public void endTurn() {
            if (begun && engine.inFlight() == 0) {
                published.countDown();
            }
        }

        @Override
        public void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    }
}
