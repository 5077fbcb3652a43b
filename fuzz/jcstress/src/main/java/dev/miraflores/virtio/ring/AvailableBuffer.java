// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/** A device that finds a buffer finds the bytes that its driver put there before (virtio 1.3 §2.7.13.3.1, §2.8.21.1.1). */
public class AvailableBuffer {

    private AvailableBuffer() {
    }

    @JCStressTest
    @Outcome(id = "0", expect = ACCEPTABLE, desc = "not there yet")
    @Outcome(id = "7", expect = ACCEPTABLE, desc = "there, with its bytes")
    @Outcome(id = {}, expect = FORBIDDEN, desc = "bytes or a fault that nobody made")
    @State
    public static class Split extends QueuePair {

        public Split() {
            super(0);
        }

        @Actor
        public void driver() {
            fill(7);
            add();
            driver.publish();
        }

        @Actor
        public void device(J_Result result) {
            DescriptorChain chain = device.popChain();
            result.r1 = chain == null ? device.fault() == null ? 0 : -1 : chain.fault() == null ? chain.readLong(0) : -2;
        }
    }

    @JCStressTest
    @Outcome(id = "0", expect = ACCEPTABLE, desc = "not there yet")
    @Outcome(id = "7", expect = ACCEPTABLE, desc = "there, with its bytes")
    @Outcome(id = {}, expect = FORBIDDEN, desc = "bytes or a fault that nobody made")
    @State
    public static class Packed extends QueuePair {

        public Packed() {
            super(RingFeatures.RING_PACKED);
        }

        @Actor
        public void driver() {
            fill(7);
            add();
            driver.publish();
        }

        @Actor
        public void device(J_Result result) {
            DescriptorChain chain = device.popChain();
            result.r1 = chain == null ? device.fault() == null ? 0 : -1 : chain.fault() == null ? chain.readLong(0) : -2;
        }
    }
}
