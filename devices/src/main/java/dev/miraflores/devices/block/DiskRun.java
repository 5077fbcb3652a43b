// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.devices.virtio.VirtioActivation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A disk from DRIVER_OK to reset: its queues, and what they do together.
 * <p>Thread: {@link #fail}, any; the rest, one at a time, none of the disk's I/O threads.
 */
final class DiskRun {

    /** A thread that has not answered by then is itself what is wrong. */
    private static final long REPORT_NS = 1_000_000_000L;

    private final BlockDisk disk;
    private final VirtioActivation activation;
    private final AtomicBoolean failed = new AtomicBoolean();
    private volatile List<QueueControl> queues = List.of();

    DiskRun(BlockDisk disk, VirtioActivation activation) {
        this.disk = disk;
        this.activation = activation;
    }

    BlockDisk disk() {
        return disk;
    }

    VirtioActivation activation() {
        return activation;
    }

    /** Those that were not stopped. */
    List<QueueControl> queues() {
        return queues;
    }

    void setQueues(List<QueueControl> all) {
        queues = List.copyOf(all);
    }

    /** The disk cannot go on: its driver is told that it needs a reset, and none of its queues does anything any more. */
    void fail(String what, Throwable bug) {
        if (failed.compareAndSet(false, true)) {
            disk.log.log(System.Logger.Level.ERROR, what, bug);
            for (QueueControl queue : queues) {
                queue.breakOff();
            }
            activation.events().needsReset();
            disk.needsReset(what);
        }
    }

    boolean isFailed() {
        return failed.get();
    }

    /** Lets no queue take requests, and waits for those in flight; answers whether they finished in time. */
    boolean hold(int reason, long timeoutNs) {
        CountDownLatch still = new CountDownLatch(queues.size());
        for (QueueControl queue : queues) {
            queue.hold(reason, still);
        }
        return QueueControl.await(still, timeoutNs);
    }

    void letGo(int reason) {
        for (QueueControl queue : queues) {
            queue.letGo(reason);
        }
    }

    /**
     * Ends all queues. Until a queue has ended the host's kernel may write into guest memory.
     *
     * @return those that did not end in time
     */
    List<QueueControl> stop(long timeoutNs) {
        long end = System.nanoTime() + timeoutNs;
        List<QueueControl> stopped = queues;
        queues = List.of();
        for (QueueControl queue : stopped) {
            queue.stop();
        }
        List<QueueControl> hung = new ArrayList<>();
        for (QueueControl queue : stopped) {
            if (!queue.awaitReleased(end - System.nanoTime()) && !giveUpOnStages(queue)) {
                hung.add(queue);
            }
        }
        return hung;
    }

    /** Where it is a stage that does not complete requests, not the kernel, there is no harm in not waiting for it. */
    private boolean giveUpOnStages(QueueControl queue) {
        QueueReport report = queue.report(REPORT_NS);
        if (report == null || !report.knowsKernel() || report.inKernel() != 0) {
            return false;
        }
        disk.log.log(System.Logger.Level.ERROR, "a stage did not complete what it was given: " + list(report.requests()));
        queue.abandon();
        return queue.awaitReleased(REPORT_NS);
    }

    /** What is in flight in {@code queues}, held requests included, as far as their threads tell. */
    static List<InFlightRequest> inFlight(List<QueueControl> queues) {
        List<InFlightRequest> all = new ArrayList<>();
        for (QueueControl queue : queues) {
            QueueReport report = queue.report(REPORT_NS);
            if (report != null) {
                all.addAll(report.requests());
            }
        }
        return all;
    }

    /** For the eyes of the operator; of many the oldest. */
    static String list(List<InFlightRequest> requests) {
        int most = 8;
        StringBuilder text = new StringBuilder();
        List<InFlightRequest> oldest = new ArrayList<>(requests);
        oldest.sort((a, b) -> Long.compare(b.ageNs(), a.ageNs()));
        for (InFlightRequest request : oldest.subList(0, Math.min(most, oldest.size()))) {
            text.append(text.isEmpty() ? "" : "; ").append(request);
        }
        if (oldest.size() > most) {
            text.append("; and ").append(oldest.size() - most).append(" more");
        }
        return text.isEmpty() ? "nothing that its threads would tell of" : text.toString();
    }
}
