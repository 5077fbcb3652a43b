// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * What an engine has its workers do: all of its requests, or those for which the kernel has no way that does not wait.
 * <p>Thread: the I/O thread.
 */
final class WorkerQueue implements EngineQueue {

    private final IoThread thread;
    private final SlotEngine engine;
    private final EngineWorkers workers;
    private final EngineTask[] tasks;
    private final Watch watch;
    private int out;

    /**
     * Starts a worker, and has itself looked at.
     *
     * @throws OutOfMemoryError where no thread is to be had
     */
    WorkerQueue(IoThread thread, SlotEngine engine, BlockFile file, int depth) {
        this.thread = thread;
        this.engine = engine;
        this.tasks = new EngineTask[depth];
        for (int slot = 0; slot < depth; slot++) {
            tasks[slot] = new EngineTask(slot, file);
        }
        this.workers = new EngineWorkers(thread.name() + "-w", depth);
        this.watch = thread.watch(workers.event(), new WakeUp());
        thread.addEngine(this);
    }

    /** It has only to end the sleep. */
    private static final class WakeUp implements EventHandler {
        @Override
        public void onEvent() {
        }
    }

    /** Has a worker do {@code io}, whose result comes to {@link SlotEngine#onResult}. */
    void begin(BlockIo io, int slot) {
        EngineTask task = tasks[slot];
        task.prepare(io);
        workers.submit(task);
        out++;
    }

    @Override
    public boolean hasEvents() {
        return workers.hasDone();
    }

    @Override
    public void submit() {
        workers.wake();
        engine.handedOver();
    }

    @Override
    public boolean enableEvents() {
        return workers.enableEvents();
    }

    @Override
    public int dispatch() {
        workers.disableEvents();
        int most = out;
        int count = 0;
        for (EngineTask task; count < most && (task = workers.take()) != null; count++) {
            out--;
            if (task.bug() == null) {
                engine.onResult(task.slot, task.result());
            } else {
                engine.onBug(task.slot, task.bug());
            }
        }
        engine.submitHeldBack();
        return count;
    }

    /** Those that workers have; an engine that counts them itself is counted twice. */
    @Override
    public int inFlight() {
        return out;
    }

    /** For tests: how many threads there are. */
    int workerCount() {
        return workers.count();
    }

    /** Once nothing is in flight. */
    void close() {
        thread.removeEngine(this);
        watch.close();
        workers.close();
    }
}
