// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.devices.vring.ControlThread;

/**
 * What a device that the kernel serves asks of its control thread: each wait has an end, and a kernel that does not stop is seen.
 * <p>Thread: any, but the control thread itself.
 * <p>Lifetime: until {@link #close}, which ends the thread.
 */
public final class VhostControl implements AutoCloseable {

    private final ControlThread thread;
    private final String device;
    private final long patienceNs;
    private volatile boolean resetting;
    private boolean closed;

    /**
     * @param device     for messages
     * @param patienceNs how long the kernel may take for anything, before a reset counts as hung
     */
    public VhostControl(ControlThread thread, String device, long patienceNs) {
        this.thread = thread;
        this.device = device;
        this.patienceNs = patienceNs;
    }

    /** Has {@code change} made without waiting for it. */
    public void execute(Runnable change) {
        thread.execute(change);
    }

    /**
     * Waits until {@code change} has been made, or has failed, or takes too long.
     *
     * @return whether it did not take too long
     */
    public boolean call(Runnable change) {
        return thread.call(done -> {
            try {
                change.run();
            } finally {
                done.run();
            }
        }, patienceNs);
    }

    /**
     * Waits likewise until {@code pause} has been done; where that takes too long {@code resume} follows it.
     *
     * @throws DrainException where it takes too long
     */
    public void pause(Runnable pause, Runnable resume) {
        if (!call(pause)) {
            execute(resume);
            throw new DrainException(device + ": the kernel has not stopped it in " + patienceNs / 1_000_000 + " ms");
        }
    }

    /** Waits likewise until {@code stop} has brought the kernel to a stand; until it has, the device {@link #isHung}. */
    public void reset(Runnable stop) {
        resetting = true;
        call(() -> {
            stop.run();
            resetting = false;
        });
    }

    /** Whether a reset is not complete. */
    public boolean isHung() {
        return resetting;
    }

    /** @throws MemoryInUseException where the kernel has not stopped yet; may be called again */
    @Override
    public synchronized void close() {
        if (!closed) {
            if (!thread.end(patienceNs)) {
                throw new MemoryInUseException(device + ": the kernel has not stopped it");
            }
            closed = true;
        }
    }
}
