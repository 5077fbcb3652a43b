// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.Watch;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.linux.Errno;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * What starts, holds, changes and stops a {@link BlockQueue}: as messages to its I/O thread, which no fast path looks for.
 * <p>Thread: methods that say so, the queue's I/O thread; the rest, any other, one at a time.
 * <p>Lifetime: {@code start}, then {@code stop}; once {@link #awaitReleased} answers true nothing of the queue touches guest
 * memory any more.
 */
final class QueueControl {

    private static final long RECHECK_NS = 1_000_000;

    private final DiskRun run;
    private final IoThread thread;
    private final DeviceQueue deviceQueue;
    private final LinkOptions linkOptions;
    private final BlockQueue queue;
    private final CountDownLatch released = new CountDownLatch(1);

    // The I/O thread's.
    private LinkChain chain;
    private Watch watch;
    private IoTimer recheck;
    private CountDownLatch still;
    private boolean stopping;

    QueueControl(
            DiskRun run, IoThread thread, BlockCounters counters, DeviceQueue deviceQueue, DiskRules rules,
            LinkOptions linkOptions) {
        this.run = run;
        this.thread = thread;
        this.deviceQueue = deviceQueue;
        this.linkOptions = linkOptions;
        this.queue = new BlockQueue(run, thread, counters, deviceQueue, rules, this);
    }

    /** Begins to look after the queue, soon. */
    void start(List<BlockStage> stages, BlockBackend backend, int holds) {
        thread.execute(new Start(stages, backend, holds));
    }

    // Named classes, since a lambda's first use costs milliseconds, and these are used while a guest boots.
    private final class Start implements Runnable {
        private final List<BlockStage> stages;
        private final BlockBackend backend;
        private final int holds;

        Start(List<BlockStage> stages, BlockBackend backend, int holds) {
            this.stages = stages;
            this.backend = backend;
            this.holds = holds;
        }

        @Override
        public void run() {
            try {
                queue.hold(holds);
                attach(stages, backend);
                watch = thread.watch(deviceQueue.kick(), queue);
            } catch (RuntimeException | Error bug) {
                queue.onFailure(bug);
            }
        }
    }

    private final class Stop implements Runnable {
        @Override
        public void run() {
            stopping = true;
            queue.stop();
            unwatch();
            drain();
            afterCompletion();
        }
    }

    private final class Release implements Runnable {
        @Override
        public void run() {
            release();
        }
    }

    private void attach(List<BlockStage> stages, BlockBackend backend) {
        chain = LinkChain.attach(thread, stages, backend, linkOptions);
        queue.setLink(chain.first());
    }

    private void detach() {
        if (chain != null) {
            chain.close();
            chain = null;
        }
    }

    private void unwatch() {
        if (watch != null) {
            watch.close();
            watch = null;
        }
    }

    // ---- holding

    /** Takes no new requests, for {@code reason}; counts {@code latch} down once when nothing is in flight. */
    void hold(int reason, CountDownLatch latch) {
        send(latch, () -> {
            queue.hold(reason);
            still = latch;
            drain();
            afterCompletion();
        });
    }

    private void drain() {
        if (chain != null && queue.slots().inLinks() != 0) {
            guarded(chain::beginDrain);
        }
    }

    /** Takes new requests again, as far as {@code reason} is concerned. */
    void letGo(int reason) {
        send(null, () -> {
            still = null;
            if (chain != null) {
                guarded(chain::endDrain);
            }
            queue.letGo(reason);
        });
    }

    /** Tries those anew that failed and were held. */
    void retryHeld() {
        send(null, () -> guarded(queue::retryHeld));
    }

    /** Replaces the links; nothing is in flight. What attaching throws is thrown here, and there are no links then. */
    void relink(List<BlockStage> stages, BlockBackend backend) {
        thread.call(() -> {
            detach();
            attach(stages, backend);
        });
    }

    /** Flushes what is behind the queue, which has nothing in flight: 0, or −errno. */
    int flush(long timeoutNs) {
        ControlFlush flush = new ControlFlush();
        send(flush.done, () -> flush.submit(chain));
        return await(flush.done, timeoutNs) ? flush.result : -Errno.ETIMEDOUT;
    }

    /** The disk has another size; nothing is in flight. */
    void setByteSize(long byteSize) {
        thread.call(() -> queue.setByteSize(byteSize));
    }

    /** Answers nothing any more. */
    void breakOff() {
        send(null, () -> {
            queue.breakOff();
            unwatch();
        });
    }

    /** Where the thread has ended nothing is in flight. */
    private void send(CountDownLatch latch, Runnable message) {
        try {
            thread.execute(message);
        } catch (RejectedExecutionException e) {
            if (latch != null) {
                latch.countDown();
            }
        }
    }

    private void guarded(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | Error bug) {
            queue.onFailure(bug);
        }
    }

    // ---- stopping

    /** Stops taking chains and lets requests in flight finish. Does not wait. */
    void stop() {
        try {
            thread.execute(new Stop());
        } catch (RejectedExecutionException e) {
            // The thread has ended, which it does only with nothing in flight, and taken its links along.
            queue.slots().close();
            released.countDown();
        }
    }

    /** Waits until nothing of the queue is left, whatever interrupts come; answers whether that is so. */
    boolean awaitReleased(long timeoutNs) {
        return await(released, timeoutNs);
    }

    boolean isReleased() {
        return released.getCount() == 0;
    }

    static boolean await(CountDownLatch latch, long timeoutNs) {
        long end = System.nanoTime() + timeoutNs;
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return latch.await(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** What stands in the way of its release; {@code null} where its thread does not answer in time. */
    QueueReport report(long timeoutNs) {
        QueueReport[] report = new QueueReport[1];
        CountDownLatch done = new CountDownLatch(1);
        send(done, () -> {
            report[0] = new QueueReport(queue.slots().inFlight(queue.index(), System.nanoTime()),
                chain == null || chain.knowsKernel(), chain == null ? 0 : chain.inKernel());
            done.countDown();
        });
        return await(done, timeoutNs) ? report[0] : null;
    }

    /** A stage has requests that it does not complete, and the kernel has none: goes without them. After {@link #stop}. */
    void abandon() {
        send(null, () -> {
            queue.slots().loseAll();
            afterCompletion();
        });
    }

    /** Some request may have been the last. The I/O thread. */
    void afterCompletion() {
        if ((stopping || still != null) && queue.slots().inLinks() == 0) {
            onStill();
        }
    }

    private void onStill() {
        if (still != null) {
            still.countDown();
            still = null;
        }
        if (stopping) {
            thread.execute(new Release()); // not here, with a link's own methods still under way
        }
    }

    private void release() {
        if (isReleased()) {
            return;
        }
        if (chain != null && chain.inKernel() != 0) {
            // Of requests that a bug has lost, of a stage's own, or that a stage let go of when it was given up.
            if (recheck == null) {
                recheck = thread.timer(new Release());
            }
            recheck.set(System.nanoTime() + RECHECK_NS);
            return;
        }
        detach();
        queue.slots().close();
        released.countDown();
    }

    // ---- failing

    /** The disk is at its end, because of this queue. The I/O thread. */
    void fail(String what, Throwable bug) {
        queue.breakOff();
        unwatch();
        run.fail(what, bug);
    }
}
