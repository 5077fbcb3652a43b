// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A device of two queues that, when a test asks it to, writes what it reads. It checks that its transport keeps the
 * contract of {@link VirtioDevice}.
 */
public final class FakeVirtioDevice implements VirtioDevice {

    public static final int ID = 42;
    public static final long OWN_FEATURE = 1L << 5;
    public static final long FEATURES =
            RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC | RingFeatures.RING_PACKED | OWN_FEATURE;
    public static final int QUEUES = 2;
    public static final int MAX_SIZE = 16;
    public static final int CONFIG_BYTES = 10;

    private static final int COPY_BYTES = 4096;

    public final List<String> calls = new ArrayList<>();
    public final byte[] config = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    /** What goes on while {@link #reset} waits. */
    public Runnable whileResetting = () -> { };
    /** What {@link #isHung} answers. */
    public volatile boolean hung;
    private final MemorySegment copy = MemorySegment.ofArray(new byte[COPY_BYTES]);
    private VirtioActivation activation;
    private boolean closed;

    @Override
    public int deviceId() {
        return ID;
    }

    @Override
    public long features() {
        return FEATURES;
    }

    @Override
    public int queueCount() {
        return QUEUES;
    }

    @Override
    public int maxQueueSize(int index) {
        return MAX_SIZE;
    }

    @Override
    public int configByteSize() {
        return CONFIG_BYTES;
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            value = value << 8 | config[offset + i] & 0xff;
        }
        return value;
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            config[offset + i] = (byte) (value >>> 8 * i);
        }
    }

    @Override
    public void activate(VirtioActivation with) {
        if (activation != null || closed) {
            throw new AssertionError("activated twice, or after close");
        }
        if (with.queues().size() != QUEUES) {
            throw new AssertionError(with.queues().size() + " queues");
        }
        activation = with;
        calls.add("activate");
    }

    @Override
    public void reset() {
        whileResetting.run();
        activation = null;
        calls.add("reset");
    }

    @Override
    public boolean isHung() {
        return hung;
    }

    @Override
    public void close() {
        if (activation != null || closed) {
            throw new AssertionError("closed while active, or twice");
        }
        closed = true;
        calls.add("close");
    }

    /** What the device works with, or {@code null} while it has no driver. */
    public VirtioActivation activation() {
        return activation;
    }

    public boolean isActive() {
        return activation != null;
    }

    /** Serves a queue once if its event says so; answers how many chains it took. */
    public int serveIfKicked(int index) {
        DeviceQueue queue = isActive() ? activation.queues().get(index) : null;
        return queue != null && queue.kick().drain() != 0 ? serve(queue) : 0;
    }

    /** Asks the driver for a notification of the next buffer, as a device does before it waits. */
    public void askForKicks(int index) {
        activation.queues().get(index).ring().enableNotifications();
    }

    private int serve(DeviceQueue queue) {
        Virtqueue ring = queue.ring();
        int served = 0;
        DescriptorChain chain;
        // At most twice the queue: a driver that adds while we take must not keep us.
        while (served < 2 * ring.size() && (chain = ring.popChain()) != null) {
            long bytes = Math.min(COPY_BYTES, Math.min(chain.readableBytes(), chain.writableBytes()));
            chain.read(0, copy, 0, bytes);
            chain.write(0, copy, 0, bytes);
            ring.addUsed(chain.head(), (int) bytes);
            served++;
        }
        if (ring.fault() != null) {
            activation.events().needsReset();
        } else if (ring.needsNotification()) {
            queue.interrupt().run();
        }
        return served;
    }
}
