// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A disk with several queues on several threads, and nothing of a guest around it. */
final class TestDisk implements MirroredDisk, AutoCloseable {

    private static final int DEPTH = 64;

    /** What is behind a disk: the same as what a mirror can have. */
    private MirrorTarget backend;
    private final IoMemory memory;
    private final EngineKind engine;
    private final List<IoThread> threads = new ArrayList<>();
    final List<Queue> queues = new ArrayList<>();
    private volatile BlockStage stage;
    volatile long byteSize;
    /** Runs when the disk is still and the mirror has what it wanted. */
    Runnable atMoment = () -> { };
    volatile boolean refusesToBeStill;

    TestDisk(MirrorTarget backend, IoMemory memory, EngineKind engine, int threadCount, int queueCount) {
        this.backend = backend;
        this.memory = memory;
        this.engine = engine;
        this.byteSize = backend.byteSize();
        for (int i = 0; i < threadCount; i++) {
            threads.add(IoThread.start("disk-io-" + i));
        }
        for (int i = 0; i < queueCount; i++) {
            queues.add(new Queue(threads.get(i % threadCount)));
        }
        queues.forEach(queue -> queue.thread.call(queue::open));
    }

    final class Queue {
        final IoThread thread;
        private BlockLink end;
        private BlockLink first;
        private boolean held;
        private int inFlight;
        private CountDownLatch still;
        private final BlockIoQueue waiting = new BlockIoQueue();

        Queue(IoThread thread) {
            this.thread = thread;
        }

        /** On its thread. */
        void submit(BlockIo io) {
            if (held) {
                waiting.add(io);
                return;
            }
            inFlight++;
            io.onReturn((done, result) -> {
                inFlight--;
                if (held && inFlight == 0) {
                    still.countDown();
                }
                done.complete(result);
            });
            first.submit(io);
        }

        private void open() {
            LinkOptions options = linkOptions(memory, DEPTH);
            end = backend.attach(thread, options);
            first = stage == null ? end : stage.attach(thread, end, options);
        }

        private void close() {
            if (first != end) {
                first.close();
            }
            end.close();
        }

        private void hold(CountDownLatch latch) {
            held = true;
            still = latch;
            if (inFlight == 0) {
                still.countDown();
            }
        }

        private void goOn() {
            held = false;
            while (!waiting.isEmpty() && !held) {
                submit(waiting.remove());
            }
        }
    }

    /** Holds the guest up, and while nothing is in flight runs {@code action}; where that throws, nothing changes. */
    synchronized void whileStill(Runnable action) {
        if (refusesToBeStill) {
            throw new IllegalStateException("the disk did not become still");
        }
        List<CountDownLatch> latches = new ArrayList<>();
        for (Queue queue : queues) {
            CountDownLatch latch = new CountDownLatch(1);
            latches.add(latch);
            queue.thread.execute(() -> queue.hold(latch));
        }
        try {
            for (CountDownLatch latch : latches) {
                if (!latch.await(30, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("the disk did not become still");
                }
            }
            action.run();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        } finally {
            queues.forEach(queue -> queue.thread.call(queue::goOn));
        }
    }

    /** As a reset of the device does. */
    void reattach() {
        whileStill(() -> {
            queues.forEach(queue -> queue.thread.call(queue::close));
            queues.forEach(queue -> queue.thread.call(queue::open));
        });
    }

    @Override
    public String id() {
        return "disk0";
    }

    @Override
    public long byteSize() {
        return byteSize;
    }

    @Override
    public IoThread thread() {
        return threads.getFirst();
    }

    @Override
    public BlockFile rawFile() {
        return backend instanceof MirrorTarget.OfFile raw ? raw.file() : null;
    }

    MirrorTarget backend() {
        return backend;
    }

    boolean hasStage() {
        return stage != null;
    }

    @Override
    public LinkOptions linkOptions(IoMemory buffers, int depth) {
        return LinkOptions.of(buffers, depth).withEngine(engine);
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return backend.attach(thread, options);
    }

    @Override
    public void insert(BlockStage added) {
        whileStill(() -> {
            queues.forEach(queue -> queue.thread.call(queue::close));
            stage = added;
            queues.forEach(queue -> queue.thread.call(queue::open));
        });
    }

    @Override
    public void remove(BlockStage removed, Runnable still, MirrorTarget successor) {
        whileStill(() -> {
            still.run();
            atMoment.run();
            queues.forEach(queue -> queue.thread.call(queue::close));
            stage = null;
            if (successor != null) {
                backend.close();
                backend = successor;
            }
            queues.forEach(queue -> queue.thread.call(queue::open));
        });
        removed.close();
    }

    @Override
    public void close() {
        queues.forEach(queue -> queue.thread.call(queue::close));
        threads.forEach(IoThread::close);
        if (stage != null) {
            stage.close();
        }
        backend.close();
    }
}
