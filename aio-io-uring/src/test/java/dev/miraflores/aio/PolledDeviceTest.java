// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.aio.uring.RingMode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Asking this host's devices for completions: it works, or one line says why not. */
@NeedsIoUring
class PolledDeviceTest {

    @TempDir
    Path folder;

    @Test
    void shouldRefuseThePageCache() throws IOException {
        String image = image();
        try (IoThread thread = IoThread.start("test-io", IoThreadOptions.DEFAULTS.withIoPoll());
                BlockFile file = BlockFile.open(image, CacheMode.WRITEBACK, false)) {
            DriveException refusal = assertThrows(DriveException.class,
                () -> thread.call(() -> thread.open(file, LinkOptions.of(IoMemory.NONE, 1))));
            assertEquals("drive " + image + ": iopoll: needs cache=none or cache=directsync, not cache=writeback",
                refusal.getMessage());
        }
    }

    @Test
    void shouldReadAndWriteOrSayWhyNot() throws IOException {
        String image = image();
        try (IoThread thread = IoThread.start("test-io", IoThreadOptions.DEFAULTS.withIoPoll());
                BlockFile file = BlockFile.open(image, CacheMode.NONE, false); Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(8192, 4096);
            BlockEngine[] engine = new BlockEngine[1];
            try {
                thread.call(() -> engine[0] = thread.open(file, LinkOptions.of(IoMemory.of(List.of(memory)), 4)));
            } catch (DriveException refusal) {
                System.out.println("SKIPPED polled transfers: " + refusal.getMessage());
                assertTrue(refusal.getMessage().startsWith("drive " + image + ": iopoll: "), refusal.getMessage());
                return;
            }
            memory.asSlice(0, 4096).fill((byte) 7);
            TestIo io = new TestIo(arena);
            assertEquals(0, io.with(Operation.WRITE, 4096, memory.asSlice(0, 4096)).run(thread, engine[0]));
            assertEquals(0, io.with(Operation.FLUSH, 0).run(thread, engine[0]));
            assertEquals(0, io.with(Operation.READ, 4096, memory.asSlice(4096, 4096)).run(thread, engine[0]));
            assertEquals(-1, memory.asSlice(0, 4096).mismatch(memory.asSlice(4096, 4096)));
            thread.call(engine[0]::close);
        }
    }

    /** Whatever the device says of itself: the read comes back, and tells the same. */
    @Test
    void shouldTryAReadThatIsAskedFor() throws IOException {
        String image = image();
        UringPort port = new UringPort(KernelFeatures.host(), IoThreadOptions.DEFAULTS, RingMode.IO_POLL);
        PolledRing polled = new PolledRing(port, KernelFeatures.host(), RingMode.IO_POLL);
        polled.enable();
        try (BlockFile file = BlockFile.open(image, CacheMode.NONE, false)) {
            for (int i = 0; i < 3; i++) {
                try {
                    PolledDevice.probe(file, polled);
                } catch (DriveException refusal) {
                    assertTrue(refusal.getMessage().startsWith("drive " + image + ": iopoll: its device has no queues"),
                        refusal.getMessage());
                }
                assertFalse(polled.hasEvents());
            }
        } finally {
            polled.close();
            port.close();
        }
    }

    private String image() throws IOException {
        return Files.write(folder.resolve("disk.img"), new byte[1 << 20]).toString();
    }
}
