// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static dev.miraflores.devices.balloon.BalloonPages.PAGE_BYTES;
import static dev.miraflores.devices.balloon.BalloonPages.PAGE_SHIFT;

import dev.miraflores.aio.Counters;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.DescriptorChain;
import java.lang.foreign.MemorySegment;

/**
 * The inflateq or the deflateq: buffers with le32 page frame numbers, in units of 4096 bytes. They are taken some at a time and
 * sorted, so that those next to each other become one run. A buffer may have any number of them: a turn takes some, and is
 * over after so many runs, each of which may be a call of the kernel's.
 * <p>The numbers are copied before anything is done about them, since they may lie in a page that goes.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.5.6.
 */
final class PageFrameQueue extends ServedQueue {

    /** Page frames taken at once: what Linux puts into a buffer. */
    static final int BATCH = 256;
    /** Runs in a turn: a millisecond or so, if each takes pages from under vCPUs that run. */
    static final int TURN_RUNS = 64;

    private final BalloonPages pages;
    private final Counters<BalloonCounter> counters;
    private final boolean inflates;

    private final int[] frames = new int[BATCH];
    /** Little-endian like the driver's, as all of x86-64 is. */
    private final MemorySegment frameBytes = MemorySegment.ofArray(frames);
    private int frameCount;
    private int next;
    /** Bytes of the buffer that have been copied. */
    private long taken;

    /** @param inflates whether page frames go into the balloon, or leave it */
    PageFrameQueue(DeviceQueue queue, DeviceEvents events, BalloonPages pages, Counters<BalloonCounter> counters,
            boolean inflates) {
        super(queue, events, 1);
        this.pages = pages;
        this.counters = counters;
        this.inflates = inflates;
    }

    @Override
    protected int serve(DescriptorChain chain) {
        if (chain.readableBytes() < Integer.BYTES) {
            counters.increment(BalloonCounter.MALFORMED);
            return 0;
        }
        if (next == frameCount) {
            takeFrames(chain);
        }
        for (int runs = 0; runs < TURN_RUNS && next < frameCount; runs++) {
            takeRun();
        }
        if (next < frameCount || chain.readableBytes() - taken >= Integer.BYTES) {
            return UNFINISHED;
        }
        taken = 0;
        return 0;
    }

    private void takeFrames(DescriptorChain chain) {
        frameCount = (int) Math.min(BATCH, (chain.readableBytes() - taken) / Integer.BYTES);
        next = 0;
        long byteSize = (long) frameCount * Integer.BYTES;
        chain.read(taken, frameBytes, 0, byteSize);
        taken += byteSize;
        sort();
    }

    /** By insertion: there are few, in order as a rule, and {@link java.util.Arrays#sort(int[])} takes from the heap. */
    private void sort() {
        for (int i = 1; i < frameCount; i++) {
            int frame = frames[i];
            int place = i;
            while (place > 0 && Integer.compareUnsigned(frames[place - 1], frame) > 0) {
                frames[place] = frames[place - 1];
                place--;
            }
            frames[place] = frame;
        }
    }

    /** The run that begins with the next page frame, or that frame alone where it is no memory. */
    private void takeRun() {
        long gpa = gpa(next++);
        GuestMemoryRegion region = pages.memory().find(gpa, PAGE_BYTES);
        if (region == null) {
            counters.increment(BalloonCounter.OUTSIDE_PAGES);
            return;
        }
        long end = gpa + PAGE_BYTES;
        while (next < frameCount && continues(region, end)) {
            end = Math.max(end, gpa(next++) + PAGE_BYTES);
        }
        if (inflates) {
            pages.inflate(region, gpa, end - gpa);
        } else {
            pages.deflate(region, gpa, end - gpa);
        }
    }

    /** Whether the next page frame is the one that ends at {@code end}, once more, or the one after it. */
    private boolean continues(GuestMemoryRegion region, long end) {
        long gpa = gpa(next);
        return gpa == end - PAGE_BYTES || gpa == end && region.holds(gpa, PAGE_BYTES);
    }

    private long gpa(int index) {
        return (frames[index] & 0xFFFF_FFFFL) << PAGE_SHIFT;
    }
}
