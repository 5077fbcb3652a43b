// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static dev.miraflores.aio.WithoutIoUringMain.check;

import dev.miraflores.aio.BlockIo.Operation;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Disks in a process without io_uring: each is opened without {@code aio=}, written, flushed, and read by other means. */
final class WithoutIoUringDrives {

    private static final int BLOCK = 4096;
    private static final int BLOCKS = 64;

    private WithoutIoUringDrives() {
    }

    static void work(Path folder) throws IOException {
        for (CacheMode cache : CacheMode.values()) {
            Path image = Files.write(folder.resolve(cache + ".img"), new byte[BLOCKS * BLOCK]);
            String engine = write(image, cache);
            byte[] content = Files.readAllBytes(image);
            for (int i = 0; i < BLOCKS; i++) {
                byte[] block = Arrays.copyOfRange(content, i * BLOCK, (i + 1) * BLOCK);
                byte[] expected = new byte[BLOCK];
                Arrays.fill(expected, i % 5 == 0 ? 0 : (byte) (i + 1));
                check(Arrays.equals(expected, block), "block " + i + " of " + image);
            }
            System.out.println("drive: " + cache + " " + engine);
        }
    }

    private static String write(Path image, CacheMode cache) {
        try (Arena arena = Arena.ofShared(); IoThread thread = IoThread.start("without");
                BlockFile file = BlockFile.open(image.toString(), cache, false)) {
            MemorySegment memory = arena.allocate((long) BLOCKS * BLOCK, BLOCK);
            BlockEngine[] engine = new BlockEngine[1];
            thread.call(() -> engine[0] = thread.open(file, LinkOptions.of(IoMemory.of(List.of(memory)), BLOCKS)));
            TestIo[] all = new TestIo[BLOCKS];
            for (int i = 0; i < BLOCKS; i++) {
                MemorySegment block = memory.asSlice((long) i * BLOCK, BLOCK);
                block.fill((byte) (i + 1));
                all[i] = new TestIo(arena).with(Operation.WRITE, (long) i * BLOCK, block);
            }
            thread.call(() -> {
                for (TestIo io : all) {
                    engine[0].submit(io);
                }
            });
            for (TestIo io : all) {
                check(io.await() == 0, "write");
            }
            for (int i = 0; i < BLOCKS; i += 5) {
                MemorySegment zeroes = memory.asSlice((long) i * BLOCK, BLOCK).fill((byte) 0);
                check(all[i].with(Operation.WRITE, (long) i * BLOCK, zeroes).run(thread, engine[0]) == 0, "write anew");
            }
            check(all[0].with(Operation.FLUSH, 0).run(thread, engine[0]) == 0, "flush");
            thread.call(engine[0]::close);
            return engine[0].name();
        }
    }
}
