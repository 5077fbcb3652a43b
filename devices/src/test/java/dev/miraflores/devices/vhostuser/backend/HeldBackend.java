// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.devices.block.BlockBackend;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A disk of bytes that nobody looks at, which completes requests when it is told to, or as they come. */
final class HeldBackend implements BlockBackend {

    static final long BYTES = 1 << 20;

    private final Deque<Runnable> waiting = new ArrayDeque<>();
    /** The disk offsets of all requests, in the order they came. */
    final List<Long> offsets = new CopyOnWriteArrayList<>();
    private boolean holds;
    private long byteSize = BYTES;

    HeldBackend(boolean holds) {
        this.holds = holds;
    }

    synchronized int held() {
        return waiting.size();
    }

    /** Completes one, the one that came last. */
    synchronized void completeLast() {
        waiting.removeLast().run();
    }

    synchronized void letGo() {
        holds = false;
        while (!waiting.isEmpty()) {
            waiting.remove().run();
        }
    }

    private synchronized void take(BlockIo io, IoThread thread) {
        offsets.add(io.offset());
        if (holds) {
            waiting.add(() -> thread.execute(() -> io.complete(0)));
        } else {
            io.complete(0);
        }
    }

    @Override
    public long byteSize() {
        return byteSize;
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
    public long resize(long bytes) {
        byteSize = bytes;
        return bytes;
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return new BlockLink() {
            @Override
            public void submit(BlockIo io) {
                take(io, thread);
            }

            @Override
            public void close() {
            }
        };
    }

    @Override
    public void close() {
    }
}
