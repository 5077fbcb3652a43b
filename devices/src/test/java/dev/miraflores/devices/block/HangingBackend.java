// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockEngine;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.Counters;
import dev.miraflores.aio.EngineCounter;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.util.ArrayDeque;

/** A disk whose kernel takes requests and, as long as it hangs, finishes none. */
final class HangingBackend implements BlockBackend {

    volatile boolean hangs;
    /** As a format is: what is last is no engine, but counts. */
    volatile boolean isFormat;
    volatile int taken;
    volatile boolean closed;
    /** Run once, on the I/O thread, when it is asked how much it has. */
    volatile Runnable whenAsked;
    private final ArrayDeque<BlockIo> held = new ArrayDeque<>();

    @Override
    public long byteSize() {
        return DiskFixture.DISK_BYTES;
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
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return isFormat ? new Format(new Link()) : new Link();
    }

    private record Format(Link engine) implements BlockLink {

        @Override
        public void submit(BlockIo io) {
            engine.submit(io);
        }

        @Override
        public int inFlight() {
            return engine.inFlight();
        }

        @Override
        public void close() {
        }
    }

    /** Finishes all. */
    void goOn(IoThread thread) {
        hangs = false;
        thread.call(() -> {
            for (BlockIo io; (io = held.poll()) != null; ) {
                io.complete(0);
            }
        });
    }

    @Override
    public void close() {
        closed = true;
    }

    private final class Link implements BlockEngine {

        @Override
        public void submit(BlockIo io) {
            taken++;
            if (hangs) {
                held.add(io);
            } else {
                io.complete(0);
            }
        }

        @Override
        public String name() {
            return "hanging";
        }

        @Override
        public int inFlight() {
            int count = held.size();
            Runnable asked = whenAsked;
            if (asked != null) {
                whenAsked = null;
                asked.run();
            }
            return count;
        }

        @Override
        public Counters<EngineCounter> counters() {
            return LinkOptions.engineCounters();
        }

        @Override
        public void close() {
        }
    }
}
