// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** A device that asks for notifications and finds nothing is notified of what comes (§2.7.10, §2.8.10). */
public class AvailableNotification {

    private AvailableNotification() {
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the device sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class Split extends QueuePair {

        public Split() {
            super(0);
            device.disableNotifications();
            add();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r1 = device.enableNotifications();
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r2 = driver.needsNotification();
        }
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the device sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class SplitEventIdx extends QueuePair {

        public SplitEventIdx() {
            super(RingFeatures.EVENT_IDX);
            device.disableNotifications();
            add();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r1 = device.enableNotifications();
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r2 = driver.needsNotification();
        }
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the device sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class Packed extends QueuePair {

        public Packed() {
            super(RingFeatures.RING_PACKED);
            device.disableNotifications();
            add();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r1 = device.enableNotifications();
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r2 = driver.needsNotification();
        }
    }

    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "the device sleeps, and nobody wakes it")
    @Outcome(id = {"true, false", "false, true", "true, true"}, expect = ACCEPTABLE, desc = "seen, or notified of")
    @State
    public static class PackedEventIdx extends QueuePair {

        public PackedEventIdx() {
            super(RingFeatures.RING_PACKED | RingFeatures.EVENT_IDX);
            device.disableNotifications();
            add();
        }

        @Actor
        public void device(ZZ_Result result) {
            result.r1 = device.enableNotifications();
        }

        @Actor
        public void driver(ZZ_Result result) {
            result.r2 = driver.needsNotification();
        }
    }
}
