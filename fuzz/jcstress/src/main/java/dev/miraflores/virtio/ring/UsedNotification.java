// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** A driver that asks for notifications and finds nothing used is notified of what is (§2.7.7, §2.8.10). */
public class UsedNotification {

    private UsedNotification() {
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the driver sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class Split extends QueuePair {

        public Split() {
            super(0);
            driver.disableNotifications();
            add();
            driver.publish();
            device.addUsed(device.popChain().head(), 0);
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r1 = driver.enableNotifications();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r2 = device.needsNotification();
        }
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the driver sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class SplitEventIdx extends QueuePair {

        public SplitEventIdx() {
            super(RingFeatures.EVENT_IDX);
            driver.disableNotifications();
            add();
            driver.publish();
            device.addUsed(device.popChain().head(), 0);
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r1 = driver.enableNotifications();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r2 = device.needsNotification();
        }
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the driver sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class Packed extends QueuePair {

        public Packed() {
            super(RingFeatures.RING_PACKED);
            driver.disableNotifications();
            add();
            driver.publish();
            device.addUsed(device.popChain().head(), 0);
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r1 = driver.enableNotifications();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r2 = device.needsNotification();
        }
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the driver sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class PackedEventIdx extends QueuePair {

        public PackedEventIdx() {
            super(RingFeatures.RING_PACKED | RingFeatures.EVENT_IDX);
            driver.disableNotifications();
            add();
            driver.publish();
            device.addUsed(device.popChain().head(), 0);
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r1 = driver.enableNotifications();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r2 = device.needsNotification();
        }
    }
}
