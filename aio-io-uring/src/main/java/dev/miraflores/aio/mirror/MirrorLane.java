// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;

/**
 * What one I/O thread has of a mirror: links to source and target, and a fixed number of requests to both sides with buffers of
 * their own, for all links of the thread. The guest's requests beyond that wait.
 * <pre>  0                          SMALL buffers of SMALL_BYTES
 *   SMALL * SMALL_BYTES        LARGE buffers of LARGE_BYTES
 *   BUFFERS_BYTES              for each of them, two arrays of one buffer </pre>
 * <p>Thread: its I/O thread.
 * <p>Lifetime: from the first link on the thread until {@link #close}; where the target does not answer, until it does.
 */
final class MirrorLane {

    private static final int SMALL = 128;
    private static final int SMALL_BYTES = 16 * 1024;
    private static final int LARGE = 8;
    private static final int LARGE_BYTES = 1024 * 1024;
    private static final long BUFFERS_BYTES = (long) SMALL * SMALL_BYTES + (long) LARGE * LARGE_BYTES;
    private static final int ARRAYS_BYTES = 2 * BlockIo.IOVEC_BYTES;

    final MirrorCore core;
    private final IoThread thread;
    /** Past the guest's own links to it, whose buffers lie in the guest's memory. */
    private final BlockLink source;
    private final BlockLink target;
    private final Mapping memory;
    private final MirrorWrite[] writes = new MirrorWrite[SMALL + LARGE];
    private final Pool small = new Pool(SMALL);
    private final Pool large = new Pool(LARGE);
    private final IoTimer watchdog;

    /** Requests that have something to do next. Not done at once, so that a long row of them is no deep stack. */
    private final ArrayDeque<MirrorWrite> ready = new ArrayDeque<>(SMALL + LARGE);
    private boolean running;

    private int checks;
    private int inFlight;
    private int trackedWrites;
    private CountDownLatch untracked;
    private Runnable closed;
    private boolean gaveUp;
    private boolean sourceClosed;

    /** Requests with buffers of one size, and the guest's that wait for one. */
    private static final class Pool {
        final MirrorWrite[] free;
        int freeCount;
        final BlockIoQueue waiting = new BlockIoQueue();
        /** Where each of those came from, in the same order. */
        final ArrayDeque<MirrorLink> links = new ArrayDeque<>();

        Pool(int size) {
            free = new MirrorWrite[size];
        }
    }

    MirrorLane(MirrorCore core, IoThread thread) {
        this.core = core;
        this.thread = thread;
        // Touched only when used.
        this.memory = Mapping.anonymous(BUFFERS_BYTES + (long) writes.length * ARRAYS_BYTES, Mapping.MAP_NORESERVE);
        BlockLink first = null;
        try {
            IoMemory buffers = IoMemory.of(List.of(memory.segment()));
            first = core.disk.attach(thread, core.disk.linkOptions(buffers, writes.length));
            this.source = first;
            this.target = core.target.attach(thread, core.disk.linkOptions(buffers, writes.length));
        } catch (RuntimeException | Error e) {
            if (first != null) {
                first.close();
            }
            memory.close();
            throw e;
        }
        for (int i = 0; i < writes.length; i++) {
            boolean isSmall = i < SMALL;
            long offset = isSmall
                ? (long) i * SMALL_BYTES : (long) SMALL * SMALL_BYTES + (long) (i - SMALL) * LARGE_BYTES;
            MemorySegment arrays = memory.segment().asSlice(BUFFERS_BYTES + (long) i * ARRAYS_BYTES, ARRAYS_BYTES);
            writes[i] = new MirrorWrite(
                this, memory.segment().asSlice(offset, isSmall ? SMALL_BYTES : LARGE_BYTES), arrays, isSmall);
            put(writes[i]);
        }
        this.watchdog = thread.timer(this::check);
        setWatchdog();
    }

    BlockLink source() {
        return source;
    }

    BlockLink target() {
        return target;
    }

    /** Carries {@code io} to both sides, now or when its turn comes. */
    void mirror(MirrorLink link, BlockIo io) {
        Pool pool = io.operation() == Operation.WRITE && io.byteCount() > SMALL_BYTES ? large : small;
        if (pool.freeCount == 0 || !pool.waiting.isEmpty()) {
            pool.waiting.add(io);
            pool.links.add(link);
        } else {
            pool.free[--pool.freeCount].start(link, io);
            runReady();
        }
    }

    /** {@code write} has done all, at both sides. */
    void recycle(MirrorWrite write) {
        put(write);
        Pool pool = pool(write);
        if (!pool.waiting.isEmpty()) {
            pool.free[--pool.freeCount].start(pool.links.remove(), pool.waiting.remove());
        }
    }

    private void put(MirrorWrite write) {
        Pool pool = pool(write);
        pool.free[pool.freeCount++] = write;
    }

    private Pool pool(MirrorWrite write) {
        return write.isSmall ? small : large;
    }

    /** {@code write} goes on, soon. */
    void addReady(MirrorWrite write) {
        ready.add(write);
    }

    void runReady() {
        if (running) {
            return;
        }
        running = true;
        try {
            for (MirrorWrite write; (write = ready.poll()) != null; ) {
                write.proceed();
            }
        } finally {
            running = false;
        }
    }

    /** What its range of the target was wanted for may begin. Any thread. */
    void resume(MirrorWrite write) {
        if (thread.isCurrent()) {
            addReady(write);
            runReady();
        } else {
            execute(write);
        }
    }

    /** Runs {@code message} on the thread. Any thread. */
    void execute(Runnable message) {
        try {
            thread.execute(message);
        } catch (RejectedExecutionException e) {
            core.fail("the disk was closed");
        }
    }

    void trackBegun(Operation operation) {
        if (operation != Operation.DISCARD) {
            trackedWrites++;
        }
    }

    void trackEnded(Operation operation) {
        if (operation != Operation.DISCARD && --trackedWrites == 0 && untracked != null) {
            untracked.countDown();
            untracked = null;
        }
    }

    /** Counts {@code latch} down when no write is under way any more that began before writes went to both sides. */
    void awaitUntracked(CountDownLatch latch) {
        if (trackedWrites == 0) {
            latch.countDown();
        } else {
            untracked = latch;
        }
    }

    int checks() {
        return checks;
    }

    void beginSide() {
        inFlight++;
    }

    void endSide() {
        inFlight--;
        if (inFlight == 0 && closed != null) {
            // Not from within a completion of the link that is closed.
            execute(this::release);
        }
    }

    /** Whether requests no longer wait for the target. */
    boolean gaveUp() {
        return gaveUp;
    }

    private void setWatchdog() {
        watchdog.set(System.nanoTime() + core.checkNs);
    }

    /** Counts checks rather than time: a process that stood still, or a thread held up, is not the target's doing. */
    private void check() {
        checks++;
        for (MirrorWrite write : writes) {
            write.check();
        }
        setWatchdog();
    }

    /** The job has ended: nothing of the guest's waits for the target any more. */
    void giveUp() {
        gaveUp = true;
        for (MirrorWrite write : writes) {
            write.giveUp();
        }
        runReady();
        passOn(small);
        passOn(large);
    }

    private static void passOn(Pool pool) {
        while (!pool.waiting.isEmpty()) {
            pool.waiting.remove().passTo(pool.links.remove().next);
        }
    }

    /** Lets go of the source, which the disk is about to close: nothing will be asked of it any more. Not on an I/O thread. */
    void closeSource() {
        thread.call(() -> {
            source.close();
            sourceClosed = true;
        });
    }

    /** Runs {@code action} when neither side has anything of it any more. Any thread, once the job has ended. */
    void close(Runnable action) {
        try {
            thread.execute(() -> {
                closed = action;
                release();
            });
        } catch (RejectedExecutionException e) {
            // The thread's links went with it. What it left in flight keeps its memory.
            if (inFlight == 0) {
                memory.close();
            }
            action.run();
        }
    }

    private void release() {
        if (closed != null && inFlight == 0) {
            Runnable action = closed;
            closed = null;
            watchdog.cancel();
            if (!sourceClosed) {
                source.close();
            }
            target.close();
            memory.close();
            action.run();
        }
    }
}
