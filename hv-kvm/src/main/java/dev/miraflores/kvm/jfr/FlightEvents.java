// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.jfr;

import jdk.jfr.FlightRecorder;

/**
 * Whether anyone may be recording. An event is made only after {@link #on} said yes.
 * <p>Thread: any.
 */
public final class FlightEvents {
    /** The module need not be there: a runtime image may leave it out. */
    private static final boolean PRESENT = ModuleLayer.boot().findModule("jdk.jfr").isPresent();

    private FlightEvents() {}

    /** Whether JFR has been switched on in this process. */
    public static boolean on() {
        return PRESENT && Recorder.isInitialized();
    }

    /**
     * Tells of a VM that changes its state.
     *
     * @param cause what made it stop, or null
     */
    public static void vm(String vm, String state, String cause) {
        if (on()) {
            VmEvent event = new VmEvent();
            event.vm = vm;
            event.state = state;
            event.cause = cause;
            event.commit();
        }
    }

    /** Tells of a vCPU that changes its state. */
    public static void vcpu(String vm, int vcpu, String state) {
        if (on()) {
            VcpuEvent event = new VcpuEvent();
            event.vm = vm;
            event.vcpu = vcpu;
            event.state = state;
            event.commit();
        }
    }

    /** Keeps the name of JFR's class out of one that is used without it. */
    private static final class Recorder {
        static boolean isInitialized() {
            return FlightRecorder.isInitialized();
        }
    }
}
