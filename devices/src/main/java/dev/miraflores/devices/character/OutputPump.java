// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Carries output to a back end that may block: a bounded queue and the thread that empties it, which writes in batches and
 * is started by the first byte.
 * <p>Thread: any; {@code onRoom} and the back end run on the pump's own.
 * <p>Lifetime: {@code close} waits for what is queued, but for two seconds from {@code finish} at most.
 */
public abstract class OutputPump implements AutoCloseable {

    /** What it holds of output that the back end has not taken. */
    public static final int CAPACITY_BYTES = 65536;
    /** Long enough to gather a line that a guest sends a byte at a time, too short to be felt by one who types. */
    public static final long GATHER_NS = 1_000_000;
    private static final long CLOSE_NS = 2_000_000_000L;

    private final String name;
    private final CharBackend backend;
    private final long gatherNs;
    private final ByteQueue queue = new ByteQueue(CAPACITY_BYTES);
    private Thread thread;
    private boolean idle;
    private boolean closed;
    private long closedNs;
    private boolean refused;

    /**
     * Carries nothing yet.
     *
     * @param name     of its thread and in its log lines
     * @param gatherNs how long output may wait for more to be written with it
     */
    protected OutputPump(String name, CharBackend backend, long gatherNs) {
        this.name = name;
        this.backend = backend;
        this.gatherNs = gatherNs;
    }

    /** A batch has left a queue that was found short of room. */
    protected abstract void onRoom();

    /** Queues one byte; false when there is no room for it. */
    public synchronized boolean offer(int value) {
        if (closed || queue.free() == 0) {
            return false;
        }
        queue.add(value);
        wake(1);
        return true;
    }

    /** Queues as much as there is room for and returns how much that was. */
    public synchronized int offer(byte[] bytes, int offset, int length) {
        int taken = closed ? 0 : queue.add(bytes, offset, length);
        if (taken > 0) {
            wake(taken);
        }
        return taken;
    }

    private void wake(int added) {
        if (thread == null) {
            thread = Thread.ofPlatform().name(name).daemon().start(this::run);
        } else if (idle || queue.size() >= CAPACITY_BYTES / 2 && queue.size() - added < CAPACITY_BYTES / 2) {
            notifyAll();
        }
    }

    /** Drops what is queued; a write that is under way goes on. */
    public synchronized void clear() {
        queue.clear();
    }

    /** Whether {@code byteCount} bytes fit; when not, {@code onRoom} follows. */
    public synchronized boolean hasRoom(int byteCount) {
        boolean room = queue.free() >= byteCount;
        refused |= !room;
        return room;
    }

    private void run() {
        byte[] batch = new byte[8192];
        boolean broken = false;
        while (true) {
            int count;
            boolean tellRoom;
            synchronized (this) {
                count = take(batch);
                tellRoom = refused;
                refused = false;
            }
            if (count == 0 && isClosed()) {
                return;
            }
            broken = broken || count > 0 && !write(batch, count);
            if (tellRoom) {
                onRoom();
            }
        }
    }

    /** Waits for output, gives it a moment to grow, and takes it; 0 when closed and empty. */
    private int take(byte[] batch) {
        try {
            idle = true;
            while (queue.size() == 0 && !closed) {
                wait();
            }
            idle = false;
            long deadline = System.nanoTime() + gatherNs;
            long left = gatherNs;
            while (queue.size() < CAPACITY_BYTES / 2 && !closed && !refused && left > 0) {
                TimeUnit.NANOSECONDS.timedWait(this, left);
                left = deadline - System.nanoTime();
            }
        } catch (InterruptedException e) {
            closed = true;                 // close() ran out of patience
        }
        return queue.remove(batch);
    }

    private boolean write(byte[] batch, int count) {
        try {
            backend.write(batch, 0, count);
            return true;
        } catch (IOException e) {
            System.getLogger(OutputPump.class.getName()).log(Level.WARNING,
                    name + ": output is dropped from here on: " + e.getMessage());
            return false;
        }
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    /** Takes no more, and begins to come to its end; {@link #close} waits for that. */
    public synchronized void finish() {
        if (!closed) {
            closed = true;
            closedNs = System.nanoTime();
            notifyAll();
        }
    }

    @Override
    public void close() {
        finish();
        Thread running;
        long leftNs;
        synchronized (this) {
            running = thread;
            leftNs = Math.max(1, CLOSE_NS - (System.nanoTime() - closedNs));
        }
        if (running == null || running == Thread.currentThread()) {
            return;
        }
        try {
            if (!running.join(Duration.ofNanos(leftNs))) {
                running.interrupt();
            }
        } catch (InterruptedException e) {
            running.interrupt();
            Thread.currentThread().interrupt();
        }
    }
}
