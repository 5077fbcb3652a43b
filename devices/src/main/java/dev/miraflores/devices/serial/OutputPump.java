// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.concurrent.TimeUnit;

/**
 * Carries output from vCPUs to a back end that may block: a bounded queue and the thread that empties it, which
 * writes in batches and is started by the first byte.
 * <p>Thread: {@code offer}, {@code free} and {@code close}, any; {@code onRoom} and the back end run on the pump's own.
 * <p>Lifetime: {@code close} waits for what is queued, but for a bounded time.
 */
abstract class OutputPump implements AutoCloseable {

    static final int CAPACITY_BYTES = 65536;
    // Long enough to gather a line that a guest sends a byte at a time, too short to be felt by one who types.
    private static final long GATHER_NS = 1_000_000;
    private static final long CLOSE_NS = 2_000_000_000L;

    private final String name;
    private final CharBackend backend;
    private final ByteQueue queue = new ByteQueue(CAPACITY_BYTES);
    private Thread thread;
    private boolean idle;
    private boolean closed;
    private boolean refused;

    OutputPump(String name, CharBackend backend) {
        this.name = name;
        this.backend = backend;
    }

    /** A batch has left a queue that was found short of room. */
    abstract void onRoom();

    /** Queues one byte; false when there is no room for it. */
    synchronized boolean offer(int value) {
        if (closed || queue.free() == 0) {
            return false;
        }
        queue.add(value);
        if (thread == null) {
            thread = Thread.ofPlatform().name(name).daemon().start(this::run);
        } else if (idle || queue.size() == CAPACITY_BYTES / 2) {
            notifyAll();
        }
        return true;
    }

    /** Whether {@code byteCount} bytes fit; when not, {@code onRoom} follows. */
    synchronized boolean hasRoom(int byteCount) {
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
            if (count == 0) {
                return;
            }
            broken = broken || !write(batch, count);
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
            long deadline = System.nanoTime() + GATHER_NS;
            long left = GATHER_NS;
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

    @Override
    public void close() {
        Thread running;
        synchronized (this) {
            closed = true;
            notifyAll();
            running = thread;
        }
        if (running == null || running == Thread.currentThread()) {
            return;
        }
        try {
            if (!running.join(java.time.Duration.ofNanos(CLOSE_NS))) {
                running.interrupt();
            }
        } catch (InterruptedException e) {
            running.interrupt();
            Thread.currentThread().interrupt();
        }
    }
}
