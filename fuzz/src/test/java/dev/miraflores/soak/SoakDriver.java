// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A guest with one processor and some queues of one disk. It waits for interrupts, so that a lost one shows.
 * <p>Thread: one.
 */
final class SoakDriver implements AutoCloseable {

    static final int SLOTS = 24;
    private static final long QUEUE_BYTES = 0x10000;
    private static final int MAX_QUEUES = 4;
    private static final long SLOTS_GPA = QUEUE_BYTES * MAX_QUEUES;
    private static final long STUCK_SECONDS = 60;

    final GuestMemory memory = GuestMemory.anonymous(SLOTS_GPA + (long) SoakRequest.BYTES * SLOTS);
    final MemorySegment ram = memory.regions().getFirst().segment();
    private final Semaphore interrupts = new Semaphore(0);
    private final AtomicBoolean needsReset = new AtomicBoolean();
    private final List<Queue> queues = new ArrayList<>();
    private final SoakRequest[] free = new SoakRequest[SLOTS];
    private int freeCount;
    private VirtioBlockDevice device;

    /** One of the disk's queues. */
    private static final class Queue {
        final EventFd kick = EventFd.create();
        VirtqueueDriver driver;
        SoakRequest[] byId;
    }

    SoakDriver() {
        for (int i = 0; i < SLOTS; i++) {
            free[freeCount++] = new SoakRequest(ram, SLOTS_GPA + (long) SoakRequest.BYTES * i);
        }
    }

    void start(VirtioBlockDevice disk, SoakPlan plan) {
        device = disk;
        long features = disk.features();
        features &= plan.packed() ? -1 : ~RingFeatures.RING_PACKED;
        features &= plan.inOrder() ? -1 : ~RingFeatures.IN_ORDER;
        List<DeviceQueue> deviceQueues = new ArrayList<>();
        for (int i = 0; i < plan.queues(); i++) {
            if (i == queues.size()) {
                queues.add(new Queue());
            }
            Queue queue = queues.get(i);
            long base = QUEUE_BYTES * i;
            QueueGeometry geometry = new QueueGeometry(plan.queueSize(), base, base + 0x4000, base + 0x8000);
            queue.driver = VirtqueueDriver.create(memory, geometry, features);
            queue.byId = new SoakRequest[plan.queueSize()];
            queue.kick.drain();
            deviceQueues.add(
                new DeviceQueue(i, Virtqueue.create(memory, geometry, features), queue.kick, interrupts::release));
        }
        disk.activate(new VirtioActivation(features, memory, deviceQueues, new Events()));
    }

    private final class Events implements DeviceEvents {
        @Override
        public void configChanged() {
        }

        @Override
        public void needsReset() {
            needsReset.set(true);
            interrupts.release();
        }
    }

    int queueCount() {
        return queues.size();
    }

    int inFlight() {
        return SLOTS - freeCount;
    }

    /** A request to fill in, or {@code null} where all are in flight. */
    SoakRequest take() {
        return freeCount == 0 ? null : free[--freeCount];
    }

    void giveBack(SoakRequest request) {
        free[freeCount++] = request;
    }

    /** Makes a described request available; false where the queue has no room for it. */
    boolean send(int index, SoakRequest request, boolean indirect) {
        Queue queue = queues.get(index);
        int id = indirect ? queue.driver.addIndirect(request.elements, request.tableGpa()) : queue.driver.add(request.elements);
        if (id < 0) {
            return false;
        }
        queue.byId[id] = request;
        request.sentNs = System.nanoTime();
        if (queue.driver.needsNotification()) {
            queue.kick.signal();
        }
        return true;
    }

    /** A request that has come back, or {@code null}. It is the caller's to {@link #giveBack}. */
    SoakRequest poll() {
        for (Queue queue : queues) {
            int id = queue.driver.pollUsed();
            if (id >= 0) {
                SoakRequest request = queue.byId[id];
                if (request == null) {
                    throw new AssertionError("id " + id + " came back, which is not in flight");
                }
                queue.byId[id] = null;
                return request;
            }
        }
        return null;
    }

    /** Sleeps until there is an interrupt. */
    void await() throws InterruptedException {
        if (needsReset.get()) {
            throw new AssertionError("the disk wants a reset: " + device.counters(0).driverFaults());
        }
        interrupts.drainPermits();
        boolean some = false;
        for (Queue queue : queues) {
            some |= queue.driver.enableNotifications();
        }
        if (!some && !interrupts.tryAcquire(STUCK_SECONDS, TimeUnit.SECONDS)) {
            boolean lost = false;
            for (Queue queue : queues) {
                lost |= queue.driver.enableNotifications();
            }
            throw new AssertionError((lost ? "an interrupt was lost; " : "nothing has come back; ") + stuck());
        }
    }

    private String stuck() {
        StringBuilder text = new StringBuilder("in flight by the device: ").append(device.inFlight()).append("; by the driver:");
        for (Queue queue : queues) {
            for (SoakRequest request : queue.byId) {
                if (request != null) {
                    text.append(' ').append(request).append(';');
                }
            }
        }
        return text.toString();
    }

    /** What was not polled: after a reset, what never will be, and is the caller's to give back. */
    List<SoakRequest> abandoned() {
        List<SoakRequest> left = new ArrayList<>();
        for (Queue queue : queues) {
            for (SoakRequest request : queue.byId) {
                if (request != null) {
                    left.add(request);
                }
            }
        }
        return left;
    }

    /** What requests in flight would make of sectors: versions by sector. */
    Map<Integer, Integer> pending() {
        Map<Integer, Integer> versions = new HashMap<>();
        for (SoakRequest request : abandoned()) {
            for (int i = request.sector; i < request.sector + request.sectors && request.changes(); i++) {
                versions.put(i, request.type == SoakRequest.OUT ? request.version : DiskModel.ZEROES);
            }
        }
        return versions;
    }

    @Override
    public void close() {
        for (Queue queue : queues) {
            queue.kick.close();
        }
        memory.close();
    }
}
