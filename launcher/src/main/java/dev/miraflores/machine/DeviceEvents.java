// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.devices.block.BlockEvents;
import dev.miraflores.devices.block.VirtioBlockDevice;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Takes what disks say on their I/O threads to a thread that may wait, which tells the listeners, and pauses the machine where
 * a disk wants that.
 * <p>A guest can cause errors as fast as it likes: those that come while many wait to be told are not told, but none that
 * stops the machine is lost.
 * <p>Thread: any; its own starts with the first event.
 */
final class DeviceEvents implements BlockEvents, AutoCloseable {

    /** Events that wait to be told; more are left out. */
    static final int MOST_WAITING = 256;

    /** The machine, as far as it is needed here. */
    interface Machine {

        /** Calls the vCPUs out of the guest, without waiting for them. */
        void requestPause();

        /** Waits until vCPUs and disks stand still. */
        void pauseFor(DriveError error);
    }

    private final String name;
    private final DriveListener listeners;
    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private final AtomicReference<DriveError> stop = new AtomicReference<>();
    private volatile Machine machine;
    private Thread thread;
    private boolean closed;

    DeviceEvents(String name, DriveListener listeners) {
        this.name = name;
        this.listeners = listeners;
    }

    /** Whom to pause; to be said before it starts. */
    void machine(Machine paused) {
        machine = paused;
    }

    @Override
    public void ioError(VirtioBlockDevice disk, Operation operation, long byteOffset, long byteCount, int errno,
            boolean stopped) {
        DriveError error = new DriveError(disk.id(), operation, byteOffset, byteCount, errno, stopped);
        if (stopped) {
            machine.requestPause();
            stop.set(error);
        }
        post(() -> listeners.ioError(error));
    }

    @Override
    public void needsReset(VirtioBlockDevice disk, String why) {
        needsReset(disk.id(), why);
    }

    /** The disk {@code id} came to its end. */
    void needsReset(String id, String why) {
        post(() -> listeners.needsReset(id, why));
    }

    @Override
    public void resized(VirtioBlockDevice disk, long byteSize) {
        post(() -> listeners.resized(disk.id(), byteSize));
    }

    private synchronized void post(Runnable event) {
        if (waiting.size() < MOST_WAITING) {
            tell(event);
        }
    }

    /** Calls {@code event} after all that came before it; for what a guest cannot cause at will. */
    synchronized void tell(Runnable event) {
        if (closed) {
            return;
        }
        waiting.add(event);
        if (thread == null) {
            thread = Thread.ofPlatform().name(name).daemon().start(this::run);
        }
        notifyAll();
    }

    private void run() {
        for (Runnable event = next(); event != null; event = next()) {
            event.run();
            DriveError error = stop.getAndSet(null);
            if (error != null) {
                machine.pauseFor(error);
            }
        }
    }

    /** The one that has waited longest; null at the end. */
    private synchronized Runnable next() {
        while (waiting.isEmpty() && !closed) {
            try {
                wait();
            } catch (InterruptedException e) {
                return null;
            }
        }
        return waiting.poll();
    }

    /** Ends the thread once all events that wait have been told; not on that thread. */
    @Override
    public void close() {
        Thread telling;
        synchronized (this) {
            closed = true;
            telling = thread;
            notifyAll();
        }
        boolean interrupted = false;
        while (telling != null && telling != Thread.currentThread() && telling.isAlive()) {
            try {
                telling.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
