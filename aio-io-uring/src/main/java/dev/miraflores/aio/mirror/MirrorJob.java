// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.mirror.MirrorCore.Mode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Mirrors a disk while the guest uses it. First all of it is copied, and what the guest writes meanwhile is marked and copied
 * again, until little is left or no round leaves much less than the one before. Then what the guest writes goes to both at
 * once, and what is left of the marks is copied; since no write is marked any more, that comes to its end however fast the
 * guest writes. Then the mirror is {@link MirrorState#READY}, and stays so until {@link #complete}, {@link #stop} or
 * {@link #cancel}.
 * <p>{@link dev.miraflores.aio.mirror The package} says why the target has what the source has, and what it has after a
 * crash.
 * <p>Thread: any but an I/O thread. The job has a thread of its own, for what may take its time.
 * <p>Lifetime: from {@link #start} until a state that {@linkplain MirrorState#isEnd is an end}. The target is closed then, or
 * has become the disk's; where it does not answer, that is put off until it does.
 */
public final class MirrorJob {

    /** With less than that left, another round is not worth while. */
    private static final long FEW_CHUNKS = 4;
    private static final int ROUNDS_BEFORE_STILL = 3;
    /** How long a discard waits to be copied, as long as nobody wants anything. */
    private static final long MOMENT_NS = 100_000_000L;

    private static final class Log {
        static final System.Logger LOGGER = System.getLogger(MirrorJob.class.getName());
    }

    /** What somebody wants of a job that is ready, and waits for. */
    private static final class Order {
        final MirrorState end;
        final CompletableFuture<Void> done = new CompletableFuture<>();

        Order(MirrorState end) {
            this.end = end;
        }
    }

    private final MirrorCore core;
    private final MirrorStage stage;
    private final Copier copier;
    private final MirrorListener listener;
    private final Thread thread;
    private final CountDownLatch readyOrEnded = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);

    private volatile MirrorState state = MirrorState.COPYING;
    private volatile boolean cancelled;
    private volatile boolean paused;
    /** Guarded by this, but for a look whether there is one. */
    private volatile Order order;
    /** The stage is not among the disk's any more. The job's thread. */
    private boolean removed;

    private MirrorJob(MirrorCore core, MirrorListener listener) {
        this.core = core;
        this.listener = listener;
        this.stage = new MirrorStage(core);
        this.copier = new Copier(core, new JobPatience());
        this.thread = new Thread(this::run, "mirror-" + core.disk.id());
        thread.setDaemon(true);
        core.setThread(thread);
    }

    /** What the copier waits by. */
    private final class JobPatience implements Copier.Patience {
        @Override
        public boolean await(long ns) {
            if (goesOn()) {
                LockSupport.parkNanos(ns);
            }
            return goesOn();
        }

        @Override
        public boolean goesOn() {
            return !cancelled && core.failure() == null;
        }

        @Override
        public boolean isHeld() {
            return paused && order == null;
        }
    }

    /**
     * Begins to mirror {@code disk} to {@code target}.
     *
     * @param target closed with the job, or at once where this throws
     * @throws DriveException   where the target cannot be opened
     * @throws MirrorException  where it is too small, or the disk's own file; the message is one line
     * @throws RuntimeException where the disk did not become still, so that the mirror could not be put in
     */
    public static MirrorJob start(
            MirroredDisk disk, MirrorTarget target, MirrorConfig config, MirrorListener listener) {
        MirrorJob job;
        try {
            check(disk, target, config);
            job = new MirrorJob(new MirrorCore(disk, target, config), listener);
            job.copier.open();
        } catch (RuntimeException | Error e) {
            target.close();
            throw e;
        }
        try {
            disk.insert(job.stage);
        } catch (RuntimeException | Error e) {
            job.core.end();
            job.release(true);
            throw e;
        }
        job.thread.start();
        return job;
    }

    private static void check(MirroredDisk disk, MirrorTarget target, MirrorConfig config) {
        String name = "drive " + disk.id() + ": mirror to " + target + ": ";
        if (target.byteSize() < disk.byteSize()) {
            throw new MirrorException(name + "it has " + target.byteSize() + " bytes, the disk has " + disk.byteSize()
                + "; lengthen it with: truncate -s " + disk.byteSize() + " " + target);
        }
        BlockFile file = disk.rawFile();
        if (file != null && target.isSame(file)) {
            throw new MirrorException(name + "that is the disk itself; name another file");
        }
        if (target.writeUnitBytes() > config.granularity()) {
            throw new MirrorException(name + "it is written in units of " + target.writeUnitBytes()
                + " bytes; use a granularity of no less than that");
        }
    }

    public MirrorState state() {
        return state;
    }

    /** Why it is {@link MirrorState#FAILED}, in one line; else {@code null}. */
    public String failure() {
        return core.failure();
    }

    public MirrorTarget target() {
        return core.target;
    }

    public MirrorProgress progress() {
        return new MirrorProgress(state, core.byteSize, copier.copiedBytes(), core.bitmap.dirtyBytes());
    }

    /** Whether it has nothing open any more, at neither side, and nothing in flight: not so where a side does not answer. */
    public boolean isReleased() {
        return released.getCount() == 0;
    }

    /** Copies at most that much from now on; 0 is any. What the guest writes is never held up by it. */
    public void setBytesPerSecond(long limit) {
        if (limit < 0) {
            throw new IllegalArgumentException("mirror with " + limit + " bytes per second");
        }
        copier.setBytesPerSecond(limit);
    }

    /**
     * Copies nothing more until {@link #resume}; what is being copied is finished. What the guest writes goes where it went,
     * so that a job that is ready stays so.
     */
    public void pause() {
        paused = true;
    }

    /** Goes on after {@link #pause}. */
    public void resume() {
        paused = false;
        core.wake();
    }

    public boolean isPaused() {
        return paused;
    }

    /** Waits until it is ready, or at an end; answers whether it is ready. */
    public boolean awaitReady(long timeout, TimeUnit unit) throws InterruptedException {
        return readyOrEnded.await(timeout, unit) && state == MirrorState.READY;
    }

    /** Waits until it is at an end; answers whether it is. */
    public boolean awaitEnd(long timeout, TimeUnit unit) throws InterruptedException {
        return ended.await(timeout, unit);
    }

    /**
     * Lets the disk go on with the target in place of what it had, which is closed. Everything is durable on the target that
     * was on the source. Waits for it.
     *
     * @throws MirrorException where the job is not ready or paused, or has failed over this; the disk then goes on as it was
     */
    public void complete() {
        give(MirrorState.COMPLETED);
    }

    /**
     * Ends the mirror; the target then is the disk as it was at one moment of this call, between two requests of the guest,
     * and durable. Waits for it.
     *
     * @throws MirrorException where the job is not ready or paused, or has failed over this
     */
    public void stop() {
        give(MirrorState.STOPPED);
    }

    private void give(MirrorState end) {
        Order mine = new Order(end);
        synchronized (this) {
            if (paused && state == MirrorState.READY) {
                throw new MirrorException(core.name + ": it is paused; resume it first");
            }
            if (state != MirrorState.READY || order != null) {
                String failure = core.failure();
                throw new MirrorException(failure != null ? failure
                    : core.name + ": it is not ready but " + (order == null || state.isEnd() ? state : "about to be " + order.end));
            }
            order = mine;
        }
        core.wake();
        try {
            mine.done.join();
        } catch (CompletionException e) {
            // Thrown anew, so that the stack is the caller's.
            throw new MirrorException(e.getCause().getMessage());
        }
    }

    /**
     * Ends the mirror wherever it is; what the target holds is of no use. Waits for it, but not for a target that does not
     * answer. A job that is at an end stays there.
     */
    public void cancel() {
        cancelled = true;
        core.end();
        if (Thread.currentThread() != thread) {
            awaitEnded();
        }
    }

    private void awaitEnded() {
        boolean interrupted = false;
        while (true) {
            try {
                ended.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        MirrorState end = null;
        try {
            end = mirror();
        } catch (RuntimeException | Error bug) {
            Log.LOGGER.log(System.Logger.Level.ERROR, core.name + " failed", bug);
            core.fail(bug.toString());
        }
        if (end == null) {
            leave();
            end = core.failure() == null ? MirrorState.CANCELLED : MirrorState.FAILED;
        }
        release(end != MirrorState.COMPLETED);
        finish(end);
    }

    /** All of it, up to the end; {@code null} where it was cancelled or failed. */
    private MirrorState mirror() {
        if (!copy()) {
            return null;
        }
        setState(MirrorState.CATCHING_UP);
        core.beginSync();
        if (!awaitUntracked() || !catchUp()) {
            return null;
        }
        setState(MirrorState.READY);
        readyOrEnded.countDown();
        return stayReady();
    }

    /** Rounds of copying, as long as each leaves at most half as much as the one before. */
    private boolean copy() {
        long few = FEW_CHUNKS * core.config.chunkBytes();
        long before;
        long left = core.byteSize;
        do {
            before = left;
            if (!copier.pass(true)) {
                return false;
            }
            left = core.bitmap.dirtyBytes();
        } while (left > few && left <= before / 2);
        // What the host has not written to the target's disk yet, it does now, rather than when the guest has to wait.
        return flushed(copier.flushTarget(false));
    }

    private boolean flushed(String failure) {
        if (failure != null) {
            core.fail(failure);
        }
        return !cancelled && core.failure() == null;
    }

    /** Waits until all writes that went to the source alone are marked. */
    private boolean awaitUntracked() {
        List<CountDownLatch> latches = new ArrayList<>();
        stage.forEachLane(lane -> {
            CountDownLatch latch = new CountDownLatch(1);
            latches.add(latch);
            lane.execute(() -> lane.awaitUntracked(latch));
        });
        for (CountDownLatch latch : latches) {
            while (latch.getCount() != 0) {
                if (!awaitMoment()) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Waits for a moment, or until it is woken; answers whether to go on. */
    private boolean awaitMoment() {
        if (!cancelled && core.failure() == null) {
            LockSupport.parkNanos(MOMENT_NS);
        }
        return !cancelled && core.failure() == null;
    }

    /** Copies what was marked until writes went to both: once. What is marked later are discards, of which there may be no end. */
    private boolean catchUp() {
        return copier.pass(true) && flushed(copier.flushTarget(false));
    }

    private MirrorState stayReady() {
        do {
            // Discards are marked, and writes that failed.
            if (!core.bitmap.isClean() && !copier.pass(true)) {
                return null;
            }
            MirrorState end = order == null ? null : carryOut(order.end);
            if (end != null) {
                return end;
            }
        } while (awaitMoment());
        return null;
    }

    /** Answers the end that it has come to; {@code null} where it goes on, was cancelled, or failed. */
    private MirrorState carryOut(MirrorState end) {
        for (int i = 0; i < ROUNDS_BEFORE_STILL && !core.bitmap.isClean() && copier.pass(false); i++) {
            // As much as can be had while the guest goes on.
        }
        try {
            if (end == MirrorState.COMPLETED) {
                if (flushed(copier.flushTarget(false))) {
                    core.disk.remove(stage, this::settleToGoOn, core.target);
                    removed = true;
                    return end;
                }
            } else {
                core.disk.remove(stage, this::settle, null);
                removed = true;
                String failure = copier.flushTarget(false);
                if (failure != null) {
                    core.failLate(failure);
                }
                return cancelled || failure != null ? null : end;
            }
        } catch (RuntimeException e) {
            onRefused(e);
        }
        return null;
    }

    /** While the guest has nothing in flight: lets the target have the last of it. */
    private void settle() {
        copyRest();
        if (core.disk.byteSize() != core.byteSize) {
            core.fail("the disk was resized from " + core.byteSize + " to " + core.disk.byteSize() + " bytes; start it again");
        }
        checkGoesOn();
        core.end();
    }

    /** The same, where the disk goes on with the target. */
    private void settleToGoOn() {
        copyRest();
        flushed(copier.flushTarget(true));
        settle();
        stage.forEachLane(MirrorLane::closeSource);
        copier.closeSource();
    }

    private void copyRest() {
        while (!core.bitmap.isClean()) {
            if (!copier.pass(false)) {
                throw ended();
            }
        }
    }

    private void checkGoesOn() {
        if (cancelled || core.failure() != null) {
            throw ended();
        }
    }

    private MirrorException ended() {
        return new MirrorException(core.failure() == null ? core.name + ": cancelled" : core.failure());
    }

    /** The disk is as it was. Where that is not our doing, the mirror goes on too. */
    private void onRefused(RuntimeException why) {
        if (cancelled || core.failure() != null) {
            return;
        }
        if (core.mode() == Mode.OFF) {
            core.failLate(why.getMessage());
            return;
        }
        Order refused;
        synchronized (this) {
            refused = order;
            order = null;
        }
        refused.done.completeExceptionally(new MirrorException(core.name + ": " + why.getMessage()));
    }

    /** Takes the mirror out of the guest's way. */
    private void leave() {
        core.end();
        stage.forEachLane(lane -> lane.execute(lane::giveUp));
        if (removed) {
            return;
        }
        try {
            core.disk.remove(stage, () -> { }, null);
        } catch (RuntimeException e) {
            // It stays where it is, and lets everything through.
            Log.LOGGER.log(System.Logger.Level.WARNING, core.name + " ended, but not removed: " + e.getMessage());
        }
    }

    /** Closes links, and the target unless it is the disk's now, when they have nothing in flight: that may be never. */
    private void release(boolean closeTarget) {
        List<MirrorLane> lanes = new ArrayList<>();
        stage.forEachLane(lanes::add);
        AtomicInteger left = new AtomicInteger(lanes.size() + 1);
        Runnable one = () -> {
            if (left.decrementAndGet() == 0) {
                if (closeTarget) {
                    core.target.close();
                }
                released.countDown();
            }
        };
        lanes.forEach(lane -> lane.close(one));
        copier.close(one);
        try {
            if (!released.await(core.config.targetTimeoutNs(), TimeUnit.NANOSECONDS)) {
                Log.LOGGER.log(System.Logger.Level.WARNING, core.name
                    + " ended; the target still has requests in flight, and is closed when they have completed");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void finish(MirrorState end) {
        setState(end);
        ended.countDown();
        readyOrEnded.countDown();
        Order given;
        synchronized (this) {
            given = order;
        }
        if (given == null) {
            return;
        }
        if (given.end == end) {
            given.done.complete(null);
        } else {
            given.done.completeExceptionally(ended());
        }
    }

    private void setState(MirrorState next) {
        state = next;
        try {
            listener.stateChanged(this, next);
        } catch (RuntimeException e) {
            Log.LOGGER.log(System.Logger.Level.ERROR, core.name + ": a listener failed", e);
        }
    }

    @Override
    public String toString() {
        return core.name + ": " + state;
    }
}
