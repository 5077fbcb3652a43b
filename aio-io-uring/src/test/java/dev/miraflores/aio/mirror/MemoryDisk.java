// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A disk in memory that is as slow, as torn and as unreliable as wanted. What a request does, it does in two halves, at
 * random moments, so that one that is under way at the same time sees, or leaves, something in between.
 */
final class MemoryDisk implements MirrorTarget {

    final MemorySegment bytes;
    final long byteSize;
    private final Random seeds;

    /** One request in that many fails, after doing all, a part, or nothing; 0 is none. */
    volatile int faultRate;
    /** Whether reads never fail. */
    volatile boolean readsAreFine;
    /** Reads that have read are kept until {@link #letGo}. */
    volatile boolean keepsReads;
    /** The most messages that a request waits for before each of its halves. */
    volatile int delay = 3;
    /** Whether discards have no effect. */
    volatile boolean ignoresDiscards;
    /** Requests are kept until {@link #letGo}. */
    volatile boolean hangs;
    volatile int errno = Errno.EIO;
    volatile boolean closed;
    final AtomicInteger flushes = new AtomicInteger();
    final AtomicInteger writes = new AtomicInteger();
    final AtomicInteger openLinks = new AtomicInteger();
    final AtomicBoolean overlapped = new AtomicBoolean();
    private final List<Runnable> kept = new ArrayList<>();
    private final List<long[]> writing = new ArrayList<>();

    MemoryDisk(Arena arena, long byteSize, long seed) {
        this.bytes = arena.allocate(byteSize, 4096);
        this.byteSize = byteSize;
        this.seeds = new Random(seed);
    }

    byte[] content() {
        return bytes.toArray(ValueLayout.JAVA_BYTE);
    }

    int kept() {
        synchronized (kept) {
            return kept.size();
        }
    }

    void letGo() {
        hangs = false;
        keepsReads = false;
        List<Runnable> all;
        synchronized (kept) {
            all = List.copyOf(kept);
            kept.clear();
        }
        all.forEach(Runnable::run);
    }

    @Override
    public long byteSize() {
        return byteSize;
    }

    @Override
    public int writeUnitBytes() {
        return 4096;
    }

    @Override
    public boolean isSame(BlockFile file) {
        return false;
    }

    @Override
    public void close() {
        closed = true;
    }

    @Override
    public String toString() {
        return "memory";
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        openLinks.incrementAndGet();
        synchronized (seeds) {
            return new Link(thread, options.memory(), new Random(seeds.nextLong()));
        }
    }

    private final class Link implements BlockLink {
        private final IoThread thread;
        private final IoMemory memory;
        private final Random random;
        private int inFlight;

        Link(IoThread thread, IoMemory memory, Random random) {
            this.thread = thread;
            this.memory = memory;
            this.random = random;
        }

        @Override
        public void submit(BlockIo io) {
            inFlight++;
            long[] range = beginWrite(io);
            if (hangs) {
                synchronized (kept) {
                    kept.add(() -> thread.execute(() -> firstHalf(io, range)));
                }
            } else {
                later(() -> firstHalf(io, range));
            }
        }

        private void later(Runnable action) {
            wait(random.nextInt(delay + 1), action);
        }

        private void wait(int messages, Runnable action) {
            if (messages == 0) {
                action.run();
            } else {
                thread.execute(() -> wait(messages - 1, action));
            }
        }

        private void firstHalf(BlockIo io, long[] range) {
            boolean mayFail = io.operation() != Operation.READ || !readsAreFine;
            boolean fault = mayFail && faultRate != 0 && random.nextInt(faultRate) == 0;
            int extent = fault ? random.nextInt(3) : 2;
            long half = extent == 0 ? 0 : io.byteCount() / 2 & -512L;
            move(io, 0, half);
            later(() -> {
                move(io, half, extent == 2 ? io.byteCount() : half);
                later(() -> end(io, fault ? -errno : 0, range));
            });
        }

        private void end(BlockIo io, int result, long[] range) {
            if (keepsReads && io.operation() == Operation.READ) {
                synchronized (kept) {
                    kept.add(() -> thread.execute(() -> end(io, result, range)));
                }
                return;
            }
            synchronized (writing) {
                writing.remove(range);
            }
            inFlight--;
            (io.operation() == Operation.FLUSH ? flushes : writes).incrementAndGet();
            io.complete(result);
        }

        /** Notices two writes to the same unit at once. */
        private long[] beginWrite(BlockIo io) {
            long[] range = {io.offset() & -4096L, io.offset() + io.byteCount() + 4095 & -4096L};
            if (io.operation() == Operation.WRITE || io.operation() == Operation.WRITE_ZEROES) {
                synchronized (writing) {
                    for (long[] other : writing) {
                        if (other[0] < range[1] && range[0] < other[1]) {
                            overlapped.set(true);
                        }
                    }
                    writing.add(range);
                }
            }
            return range;
        }

        private void move(BlockIo io, long from, long to) {
            if (from == to) {
                return;
            }
            switch (io.operation()) {
                case READ, WRITE -> transfer(io, from, to);
                case WRITE_ZEROES -> bytes.asSlice(io.offset() + from, to - from).fill((byte) 0);
                case DISCARD -> {
                    if (!ignoresDiscards) {
                        bytes.asSlice(io.offset() + from, to - from).fill((byte) 0);
                    }
                }
                case FLUSH -> { }
            }
        }

        private void transfer(BlockIo io, long from, long to) {
            long at = 0;
            for (int i = 0; i < io.bufferCount(); i++) {
                long start = Math.max(from, at);
                long end = Math.min(to, at + io.bufferLength(i));
                if (start < end) {
                    long address = io.bufferAddress(i) + start - at;
                    if (io.operation() == Operation.READ) {
                        memory.write(address, bytes, io.offset() + start, end - start);
                    } else {
                        memory.read(address, bytes, io.offset() + start, end - start);
                    }
                }
                at += io.bufferLength(i);
            }
        }

        @Override
        public void close() {
            if (inFlight != 0) {
                throw new IllegalStateException(inFlight + " in flight");
            }
            openLinks.decrementAndGet();
        }
    }
}
