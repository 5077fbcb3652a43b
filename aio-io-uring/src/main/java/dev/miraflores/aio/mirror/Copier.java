// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileStatus;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;

/**
 * Copies what is dirty, several chunks at once. The job's thread says what, and where the source has holes; the disk's I/O
 * thread does it.
 * <pre>  0                                chunksInFlight buffers of chunkBytes
 *   chunksInFlight * chunkBytes      for each, two arrays of one buffer </pre>
 * <p>Thread: the job's; what it hands to its I/O thread is that one's until it comes back.
 * <p>Lifetime: until {@link #close}; where the target does not answer, until it does.
 */
final class Copier {

    /** The most that is made a hole of at once: what a target has to write out should not look as if it were stuck. */
    private static final long MAX_HOLE_BYTES = 64L << 20;
    private static final int ARRAYS_BYTES = 2 * BlockIo.IOVEC_BYTES;
    private static final long NS_PER_SECOND = 1_000_000_000L;

    /** The job's own. */
    interface Patience {

        /** Waits until something may have happened, or {@code ns} have passed; answers false where the job is to end. */
        boolean await(long ns);

        /** Whether the job is to go on. */
        boolean goesOn();

        /** Whether it is to copy nothing for now. */
        boolean isHeld();
    }

    final MirrorCore core;
    private final IoThread thread;
    private final Patience patience;
    private final BlockFile rawFile;
    private final Mapping memory;
    private final CopyChunk[] chunks;
    private final ConcurrentLinkedQueue<CopyChunk> idle = new ConcurrentLinkedQueue<>();
    private final TargetFlush flush;

    private volatile long bytesPerSecond;
    /** Bytes copied beyond what the limit had allowed when {@code debtNs} was. */
    private double debtBytes;
    private long debtNs = System.nanoTime();
    private volatile long copiedBytes;

    // The I/O thread's.
    private BlockLink source;
    private BlockLink target;
    private IoTimer watchdog;
    private int checks;
    private int atTarget;
    private boolean sourceClosed;
    private volatile Runnable closed;

    Copier(MirrorCore core, Patience patience) {
        this.core = core;
        this.patience = patience;
        this.thread = core.disk.thread();
        this.rawFile = core.disk.rawFile();
        this.bytesPerSecond = core.config.bytesPerSecond();
        int count = core.config.chunksInFlight();
        long chunkBytes = core.config.chunkBytes();
        this.memory = Mapping.anonymous(count * (chunkBytes + ARRAYS_BYTES), Mapping.MAP_NORESERVE);
        this.chunks = new CopyChunk[count];
        for (int i = 0; i < count; i++) {
            MemorySegment arrays = memory.segment().asSlice(count * chunkBytes + (long) i * ARRAYS_BYTES, ARRAYS_BYTES);
            chunks[i] = new CopyChunk(this, memory.segment().asSlice(i * chunkBytes, chunkBytes), arrays);
            idle.add(chunks[i]);
        }
        this.flush = new TargetFlush(this);
    }

    /** Opens its links. */
    void open() {
        try {
            thread.call(this::openOnThread);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private void openOnThread() {
        IoMemory buffers = IoMemory.of(List.of(memory.segment()));
        source = core.disk.attach(thread, core.disk.linkOptions(buffers, chunks.length));
        try {
            target = core.target.attach(thread, core.disk.linkOptions(buffers, chunks.length + 1));
        } catch (RuntimeException | Error e) {
            source.close();
            throw e;
        }
        watchdog = thread.timer(this::check);
        setWatchdog();
    }

    private void setWatchdog() {
        watchdog.set(System.nanoTime() + core.checkNs);
    }

    private void check() {
        checks++;
        for (CopyChunk chunk : chunks) {
            chunk.check();
        }
        flush.check();
        setWatchdog();
    }

    /** Bytes copied so far. Any thread. */
    long copiedBytes() {
        return copiedBytes;
    }

    /** Any thread. */
    void setBytesPerSecond(long limit) {
        bytesPerSecond = limit;
        core.wake();
    }

    /**
     * Copies each dirty part once, from the disk's beginning to its end, and waits until all of it has been done.
     *
     * @param limited whether to keep to the limit
     * @return false where the job is to end; some copies may then be under way still
     */
    boolean pass(boolean limited) {
        for (long at = core.bitmap.nextDirty(0); at >= 0; at = core.bitmap.nextDirty(at)) {
            // The last round, which holds up the guest, is not held up itself.
            while (limited && patience.isHeld()) {
                if (!patience.await(Long.MAX_VALUE)) {
                    return false;
                }
            }
            CopyChunk chunk = takeIdle();
            if (chunk == null) {
                return false;
            }
            at = start(chunk, at, limited);
            if (at < 0) {
                return false;
            }
        }
        return awaitIdle();
    }

    private CopyChunk takeIdle() {
        CopyChunk chunk = patience.goesOn() ? idle.poll() : null;
        while (chunk == null && patience.await(Long.MAX_VALUE)) {
            chunk = idle.poll();
        }
        return chunk;
    }

    private boolean awaitIdle() {
        while (idle.size() != chunks.length) {
            if (!patience.await(Long.MAX_VALUE)) {
                return false;
            }
        }
        return true;
    }

    /** Begins to copy what is dirty from {@code start} on; answers where that ends, or −1 where the job is to end. */
    private long start(CopyChunk chunk, long start, boolean limited) {
        long hole = holeBytes(start, Math.min(core.bitmap.nextClean(start), start + MAX_HOLE_BYTES));
        boolean asHole = hole > 0;
        long end = asHole
            ? start + hole : Math.min(core.bitmap.nextClean(start), start + core.config.chunkBytes());
        if (end <= start) {
            idle.add(chunk);
            return start;
        }
        if (!chunk.acquire(start, end)) {
            while (!chunk.hasRange()) {
                patience.await(Long.MAX_VALUE);
            }
        }
        // Before the look at the source: what is written after the look is marked after this.
        core.bitmap.clear(start, end - start);
        if (asHole && holeBytes(start, end) != end - start) {
            // Somebody wrote there. The next round finds out what to do about it.
            core.bitmap.set(start, end - start);
            chunk.giveBack();
            return start;
        }
        if (!asHole && limited && !keepToLimit(end - start)) {
            core.bitmap.set(start, end - start);
            chunk.giveBack();
            return -1;
        }
        return chunk.begin(asHole) ? end : -1;
    }

    /** How many whole granules from {@code start} to {@code end} are a hole of the source, as far as it can tell. */
    private long holeBytes(long start, long end) {
        if (rawFile == null) {
            return 0;
        }
        long data = FileIo.seekData(rawFile.number(), start);
        if (data == -Errno.ENXIO) {
            // A file that was truncated under us has lost what is missing; reading it will say so.
            FileStatus status = FileIo.fstat(rawFile.number());
            return status.isRegularFile() && status.byteSize() < end ? 0 : end - start;
        }
        if (data >= end) {
            return end - start;
        }
        return data < 0 ? 0 : data - start & -(long) core.config.granularity();
    }

    /** Waits until as much was allowed as has been copied. */
    private boolean keepToLimit(long bytes) {
        while (true) {
            long limit = bytesPerSecond;
            long now = System.nanoTime();
            // What was not used is lost after a second.
            debtBytes = limit == 0 ? 0 : Math.max(-limit, debtBytes - (now - debtNs) * (double) limit / NS_PER_SECOND);
            debtNs = now;
            if (debtBytes <= 0) {
                debtBytes += bytes;
                return patience.goesOn();
            }
            if (!patience.await((long) (debtBytes / limit * NS_PER_SECOND) + 1)) {
                return false;
            }
        }
    }

    /**
     * Makes durable what the target has.
     *
     * @param watched whether it has to be done in the time that a request has
     * @return why it was not done; {@code null} where it was, or the job is to end
     */
    String flushTarget(boolean watched) {
        flush.start(watched);
        while (!flush.isDone()) {
            if (!patience.await(Long.MAX_VALUE)) {
                return null;
            }
        }
        return flush.failure();
    }

    /** Lets its I/O thread run {@code message}; answers false where that has ended. */
    boolean execute(Runnable message) {
        try {
            thread.execute(message);
            return true;
        } catch (RejectedExecutionException e) {
            core.fail("the disk was closed");
            return false;
        }
    }

    BlockLink source() {
        return source;
    }

    BlockLink target() {
        return target;
    }

    int checks() {
        return checks;
    }

    void beginAtTarget() {
        atTarget++;
    }

    void endAtTarget() {
        atTarget--;
        releaseSoon();
    }

    /** {@code chunk} is done, or given up. */
    void recycle(CopyChunk chunk, long copied) {
        if (copied != 0) {
            copiedBytes += copied;
        }
        idle.add(chunk);
        core.wake();
        releaseSoon();
    }

    /** As {@link MirrorLane#closeSource}. */
    void closeSource() {
        thread.call(() -> {
            source.close();
            sourceClosed = true;
        });
    }

    /** Runs {@code action} when neither side has anything of it any more. Any thread, once the job has ended. */
    void close(Runnable action) {
        closed = action;
        try {
            thread.execute(this::release);
        } catch (RejectedExecutionException e) {
            // The thread's links went with it. What it left in flight keeps its memory.
            closed = null;
            if (isIdle()) {
                memory.close();
            }
            action.run();
        }
    }

    private boolean isIdle() {
        return atTarget == 0 && idle.size() == chunks.length;
    }

    /** Not from within a completion of a link that is closed. */
    private void releaseSoon() {
        if (closed != null) {
            execute(this::release);
        }
    }

    private void release() {
        if (closed != null && isIdle()) {
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
