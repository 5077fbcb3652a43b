// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** A driver that asks for a notification of the second buffer gets one, though the device asks after each (§2.7.7.2, §2.8.10). */
public class LateUsedNotification {

    private LateUsedNotification() {
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the driver sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class SplitEventIdx extends QueuePair {

        private final int first;
        private final int second;

        public SplitEventIdx() {
            super(RingFeatures.EVENT_IDX);
            driver.disableNotifications();
            add();
            add();
            driver.publish();
            first = device.popChain().head();
            second = device.popChain().head();
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r1 = driver.enableNotifications(2);
        }

        @Actor
        public void device(ZZ_Result result) {
            device.addUsed(first, 0);
            boolean notified = device.needsNotification();
            device.addUsed(second, 0);
            result.r2 = device.needsNotification() | notified;
        }
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the driver sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class PackedEventIdx extends QueuePair {

        private final int first;
        private final int second;

        public PackedEventIdx() {
            super(RingFeatures.RING_PACKED | RingFeatures.EVENT_IDX);
            driver.disableNotifications();
            add();
            add();
            driver.publish();
            first = device.popChain().head();
            second = device.popChain().head();
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r1 = driver.enableNotifications(2);
        }

        @Actor
        public void device(ZZ_Result result) {
            device.addUsed(first, 0);
            boolean notified = device.needsNotification();
            device.addUsed(second, 0);
            result.r2 = device.needsNotification() | notified;
        }
    }
}
