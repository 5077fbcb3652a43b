// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.devices.block.BlockBackend;
import java.util.ArrayList;
import java.util.List;

/** A host whose disk does not answer until it is told to. Thread: any. */
final class HangingBackend implements BlockBackend {

    private final List<BlockIo> held = new ArrayList<>();
    private IoThread thread;
    private boolean released;
    private boolean closed;

    @Override
    public synchronized BlockLink attach(IoThread on, LinkOptions options) {
        thread = on;
        return new BlockLink() {
            @Override
            public void submit(BlockIo io) {
                hold(io);
            }

            @Override
            public void close() {
                // What is held stays held.
            }
        };
    }

    private synchronized void hold(BlockIo io) {
        if (released) {
            io.complete(0);
        } else {
            held.add(io);
            notifyAll();
        }
    }

    /** Waits until a request hangs. */
    synchronized void awaitRequest() throws InterruptedException {
        for (long end = System.nanoTime() + HotplugMachine.LIMIT.toNanos(); held.isEmpty() && System.nanoTime() < end;) {
            wait(100);
        }
    }

    /** Lets all requests come to their end. */
    synchronized void release() {
        released = true;
        for (BlockIo io : held) {
            thread.execute(() -> io.complete(0));
        }
        held.clear();
    }

    synchronized boolean isClosed() {
        return closed;
    }

    @Override
    public long byteSize() {
        return 1 << 20;
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public boolean hasWriteCache() {
        return false;
    }

    @Override
    public int physicalBlockBytes() {
        return 512;
    }

    @Override
    public synchronized void close() {
        closed = true;
    }
}
