// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.virtio.ring.RingFeatures;

/** The device writes over the descriptors of a packed ring, so the driver fills it again before each round. */
final class PackedRingWork extends RingWork {

    PackedRingWork(RingShape shape) {
        super(shape, RingFeatures.RING_PACKED, CHAINS * (shape.indirect() ? 1 : shape.elements()));
    }

    @Override
    void refill() {
        while (driver.pollUsed() >= 0) {
            // Its descriptors are free now.
        }
        for (int i = 0; i < CHAINS; i++) {
            addChain(i);
        }
        driver.publish();
    }

    @Override
    long serve(int batch) {
        long sum = 0;
        for (int done = 0; done < CHAINS; done += batch) {
            sum += serveBatch(batch);
        }
        assertServed();
        return sum;
    }
}
