// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** A driver that finds a buffer used finds its length and the bytes that the device stored (§2.7.8.2, §2.7.14, §2.8.22). */
public class UsedBuffer {

    private UsedBuffer() {
    }

    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "not used yet")
    @Outcome(id = "8, 7", expect = ACCEPTABLE, desc = "used, with length and bytes")
    @Outcome(id = {}, expect = FORBIDDEN, desc = "bytes or a fault that nobody made")
    @State
    public static class Split extends QueuePair {

        public Split() {
            super(0);
            add();
            driver.publish();
        }

        @Actor
        public void device() {
            DescriptorChain chain = device.popChain();
            chain.writeLong(0, 7);
            device.addUsed(chain.head(), Long.BYTES);
            device.publish();
        }

        @Actor
        public void driver(JJ_Result result) {
            if (driver.pollUsed() >= 0) {
                result.r1 = driver.usedBytes();
                result.r2 = answer();
            }
        }
    }

    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "not used yet")
    @Outcome(id = "8, 7", expect = ACCEPTABLE, desc = "used, with length and bytes")
    @Outcome(id = {}, expect = FORBIDDEN, desc = "bytes or a fault that nobody made")
    @State
    public static class Packed extends QueuePair {

        public Packed() {
            super(RingFeatures.RING_PACKED);
            add();
            driver.publish();
        }

        @Actor
        public void device() {
            DescriptorChain chain = device.popChain();
            chain.writeLong(0, 7);
            device.addUsed(chain.head(), Long.BYTES);
            device.publish();
        }

        @Actor
        public void driver(JJ_Result result) {
            if (driver.pollUsed() >= 0) {
                result.r1 = driver.usedBytes();
                result.r2 = answer();
            }
        }
    }
}
