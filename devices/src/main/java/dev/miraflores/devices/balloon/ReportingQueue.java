// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.aio.Counters;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * The reporting_vq: device-writable buffers that are free memory, which the driver leaves alone until it gets them back. They
 * may be of any size: a turn takes some MiB.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.5.6.7.
 */
final class ReportingQueue extends ServedQueue {

    /** What is discarded in a turn, or a page of the host's if that is more: some milliseconds of the kernel's. */
    static final long TURN_BYTES = 32L << 20;
    /** Calls of the kernel's in a turn. */
    static final int TURN_CALLS = 64;

    private final BalloonPages pages;
    private final BalloonConfigSpace config;
    private final boolean poisoned;
    private final Counters<BalloonCounter> counters;
    private int element;
    /** Bytes of the element that are done. */
    private long done;

    /** @param poisoned whether free pages keep what the driver filled them with: VIRTIO_BALLOON_F_PAGE_POISON */
    ReportingQueue(DeviceQueue queue, DeviceEvents events, BalloonPages pages, BalloonConfigSpace config, boolean poisoned,
            Counters<BalloonCounter> counters) {
        super(queue, events, 1);
        this.pages = pages;
        this.config = config;
        this.poisoned = poisoned;
        this.counters = counters;
    }

    @Override
    protected int serve(DescriptorChain chain) {
        if (chain.writableCount() == 0) {
            counters.increment(BalloonCounter.MALFORMED);
            return 0;
        }
        element = Math.max(element, chain.readableCount());
        long left = TURN_BYTES;
        for (int calls = 0; calls < TURN_CALLS && left > 0 && element < chain.count(); calls++) {
            left -= take(chain, left);
        }
        if (element < chain.count()) {
            return UNFINISHED;
        }
        element = 0;
        return 0;
    }

    /** Up to {@code most} bytes of the element, or a page of the host's; answers how many. */
    private long take(DescriptorChain chain, long most) {
        long gpa = chain.address(element) + done;
        long byteSize = chain.length(element) - done;
        if (byteSize > most) {
            GuestMemoryRegion region = pages.memory().find(gpa, byteSize);
            long page = Math.max(region.pageBytes(), BalloonPages.PAGE_BYTES);
            // Cut between pages, or what is cut would not go back.
            byteSize = Math.min(byteSize, (gpa + Math.max(most, page) & -page) - gpa);
        }
        // The driver would find zeroes, where it is to find what it has put there (§5.5.6.7.2).
        if (!poisoned || config.poison() == 0) {
            pages.discard(gpa, byteSize);
        }
        counters.add(BalloonCounter.REPORTED_BYTES, byteSize);
        done += byteSize;
        if (done == chain.length(element)) {
            element++;
            done = 0;
        }
        return byteSize;
    }
}
