// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vring;

import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.QueueInterrupt;
import dev.miraflores.linux.EventFd;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The events of a ring that somebody else serves: {@code kick}, which the driver's notifications signal; {@code call}, whose
 * signals are the driver's interrupts; {@code error}, which says that the ring cannot be gone on with.
 * <p>Where the transport lets {@code call} be the interrupt, nobody stands in between; otherwise the control thread passes its
 * signals on. Which of the two it is follows the guest, and none is lost in between.
 * <p>Thread: the control thread.
 * <p>Lifetime: from the driver's start to its reset.
 */
public final class VringEvents implements AutoCloseable {

    private final DeviceQueue queue;
    private final ControlThread thread;
    private final EventFd call;
    private final EventFd error;
    private final AtomicBoolean routeStale = new AtomicBoolean();
    private long errorWatch;
    private QueueInterrupt.Connection connection;
    private long callWatch;
    private boolean wokenBefore;

    /** @param onError called when whoever serves the ring says that it cannot go on with it */
    public VringEvents(DeviceQueue queue, ControlThread thread, Runnable onError) {
        this.queue = queue;
        this.thread = thread;
        call = EventFd.create();
        try {
            error = EventFd.create();
        } catch (RuntimeException e) {
            call.close();
            throw e;
        }
        try {
            errorWatch = watchError(onError);
            connection = queue.interrupt().connect(call, this::routeChanged);
            followRoute();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private long watchError(Runnable onError) {
        return thread.watch(error.number(), () -> {
            error.drain();
            onError.run();
        });
    }

    /** The transport has changed how the driver is notified. Any thread. */
    private void routeChanged() {
        // One message at a time, however often the guest changes its mind.
        if (routeStale.compareAndSet(false, true)) {
            thread.execute(() -> {
                routeStale.set(false);
                followRoute();
            });
        }
    }

    /** Has the thread pass notifications on for as long as they do not go by themselves. */
    private void followRoute() {
        boolean wanted = connection != null && !connection.isDirect();
        if (wanted && callWatch == 0) {
            callWatch = thread.watch(call.number(), () -> {
                call.drain();
                queue.interrupt().run();
            });
        } else if (!wanted && callWatch != 0) {
            thread.unwatch(call.number(), callWatch);
            callWatch = 0;
        }
    }

    /** To be said before another process is given them. */
    public void share() {
        queue.kick().share();
        call.share();
        error.share();
    }

    /** The descriptors' numbers. */
    public int kick() {
        return queue.kick().number();
    }

    public int call() {
        return call.number();
    }

    public int error() {
        return error.number();
    }

    /**
     * Has whoever serves the ring from now on look at it, and the driver too: the one before may have taken a notification and
     * done nothing about it, or used buffers and gone before it said so.
     */
    public void wake() {
        queue.kick().signal();
        if (wokenBefore) {
            queue.interrupt().run();
        }
        wokenBefore = true;
    }

    /** The driver wants no more notifications. */
    public void disconnect() {
        if (connection != null) {
            connection.close();
            connection = null;
            followRoute();
        }
    }

    @Override
    public void close() {
        disconnect();
        thread.unwatch(error.number(), errorWatch);
        error.close();
        call.close();
    }
}
