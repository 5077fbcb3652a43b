// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.PolledSource;
import dev.miraflores.aio.Watch;
import java.util.ArrayList;
import java.util.List;

/**
 * The queues of a device that an I/O thread looks after, from the device's activation to its reset.
 * <p>Thread: any but two at once; {@link #close} waits for the I/O thread.
 */
public final class QueueWatches implements AutoCloseable {

    private final IoThread ioThread;
    private final List<Watch> watches = new ArrayList<>();

    public QueueWatches(IoThread ioThread) {
        this.ioThread = ioThread;
    }

    /** From now on {@code source} serves {@code queue}. */
    public void add(DeviceQueue queue, PolledSource source) {
        ioThread.call(() -> watches.add(ioThread.watch(queue.kick(), source)));
    }

    /** Once this returns no queue is served any more. Others may be added then. */
    @Override
    public void close() {
        if (!watches.isEmpty()) {
            ioThread.call(() -> watches.forEach(Watch::close));
            watches.clear();
        }
    }
}
