// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/** Each entry of the available ring names a chain from the start, so the driver's part of a batch is one store. */
final class SplitRingWork extends RingWork {

    private static final VarHandle U16 = ValueLayout.JAVA_SHORT.varHandle();
    private static final long IDX_OFFSET = 2;
    private static final long RING_OFFSET = 4;

    private final MemorySegment avail = memory.slice(DRIVER_GPA, RING_OFFSET + 2 * QUEUE_SIZE + 2);
    private int availIdx;

    SplitRingWork(RingShape shape) {
        super(shape, 0, QUEUE_SIZE);
        int chains = QUEUE_SIZE / (shape.indirect() ? 1 : shape.elements());
        int[] heads = new int[chains];
        for (int i = 0; i < chains; i++) {
            heads[i] = addChain(i);
        }
        for (int i = 0; i < QUEUE_SIZE; i++) {
            avail.set(ValueLayout.JAVA_SHORT, RING_OFFSET + 2L * i, (short) heads[i % chains]);
        }
    }

    @Override
    void refill() {
        // The ring is as it was.
    }

    @Override
    long serve(int batch) {
        long sum = 0;
        for (int done = 0; done < CHAINS; done += batch) {
            availIdx += batch;
            U16.setRelease(avail, IDX_OFFSET, (short) availIdx);
            sum += serveBatch(batch);
            if (queue.popChain() != null) {
                throw new IllegalStateException("more than was made available");
            }
        }
        assertServed();
        return sum;
    }
}
