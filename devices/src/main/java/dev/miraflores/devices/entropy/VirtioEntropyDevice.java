// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.QueueWatches;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * An entropy device, served by an I/O thread that it may share.
 * <p>Thread: as {@link VirtioDevice} says; the queue belongs to the I/O thread from {@code activate} to {@code reset}.
 * <p>Lifetime: to be closed before its I/O thread.
 * <p>Source: virtio 1.3 §5.4.
 */
public final class VirtioEntropyDevice implements VirtioDevice {

    private static final int DEVICE_ID = 4;
    private static final int REQUEST_QUEUE = 0;
    private static final int QUEUE_SIZE = 64;
    private static final long FEATURES =
            RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;

    private final IoThread ioThread;
    private final QueueWatches watches;
    private final EntropyQuota quota;

    /** A device that {@code ioThread} will serve. */
    public VirtioEntropyDevice(IoThread ioThread) {
        this(ioThread, EntropyQuota.UNLIMITED);
    }

    /**
     * As {@link #VirtioEntropyDevice(IoThread)}, for a guest that gets no more than {@code maxBytes} in {@code periodMs}
     * milliseconds: what it asks for beyond waits.
     *
     * @param maxBytes from 1 on
     * @param periodMs from 1 on
     */
    public VirtioEntropyDevice(IoThread ioThread, long maxBytes, long periodMs) {
        this(ioThread, new EntropyQuota(maxBytes, periodMs));
        if (maxBytes < 1 || periodMs < 1) {
            throw new IllegalArgumentException(maxBytes + " bytes in " + periodMs + " ms");
        }
    }

    private VirtioEntropyDevice(IoThread ioThread, EntropyQuota quota) {
        this.ioThread = ioThread;
        this.quota = quota;
        watches = new QueueWatches(ioThread);
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public long features() {
        return FEATURES;
    }

    @Override
    public int queueCount() {
        return 1;
    }

    @Override
    public int maxQueueSize(int index) {
        return QUEUE_SIZE;
    }

    /** There is none (§5.4.4). */
    @Override
    public int configByteSize() {
        return 0;
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        return 0;
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        // There is nothing to write to.
    }

    @Override
    public void activate(VirtioActivation activation) {
        DeviceQueue queue = activation.queues().get(REQUEST_QUEUE);
        if (queue != null) {
            ioThread.call(() -> quota.start(ioThread));
            watches.add(queue, new EntropyQueue(queue, activation.events(), quota));
        }
    }

    @Override
    public void reset() {
        watches.close();
    }

    @Override
    public void close() {
        reset();
        ioThread.call(quota::close);
    }
}
