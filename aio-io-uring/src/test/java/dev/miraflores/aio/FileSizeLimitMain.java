// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Reads and writes by every engine in a process that may not make files as long as its disk is. */
final class FileSizeLimitMain {

    private static final int BLOCK = 4096;

    private FileSizeLimitMain() {
    }

    /** The image, and an offset that is beyond the limit. */
    public static void main(String[] args) {
        long beyond = Long.parseLong(args[1]);
        for (EngineKind kind : EngineKind.values()) {
            for (CacheMode cache : List.of(CacheMode.NONE, CacheMode.WRITEBACK)) {
                if (HostProbe.host().whyNot(kind) == null && (kind != EngineKind.NATIVE || cache.isDirect())) {
                    work(args[0], kind, cache, beyond);
                }
            }
        }
        System.out.println("done");
    }

    private static void work(String image, EngineKind kind, CacheMode cache, long beyond) {
        try (Arena arena = Arena.ofShared(); BlockFile file = BlockFile.open(image, cache, false);
                IoThread thread = IoThread.start("limited")) {
            MemorySegment buffer = arena.allocate(BLOCK, BLOCK);
            LinkOptions options = new LinkOptions(
                IoMemory.of(List.of(buffer)), 4, false, LinkOptions.engineCounters(), kind);
            BlockEngine[] engine = new BlockEngine[1];
            thread.call(() -> engine[0] = thread.open(file, options));
            TestIo io = new TestIo(arena);
            int first = io.with(Operation.WRITE, beyond, buffer).run(thread, engine[0]);
            int read = io.with(Operation.READ, beyond, buffer).run(thread, engine[0]);
            int below = io.with(Operation.WRITE, 0, buffer).run(thread, engine[0]);
            System.out.println(kind + " " + cache + ": " + Errno.name(-first) + ", " + read + ", " + below);
            thread.call(engine[0]::close);
        }
    }
}
