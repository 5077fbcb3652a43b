// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import jdk.jfr.FlightRecorder;

/**
 * Whether anyone may be recording. An event is made only after {@link #on} said yes.
 * <p>Thread: any.
 */
public final class FlightEvents {

    /** The module need not be there: a runtime image may leave it out. */
    private static final boolean PRESENT = ModuleLayer.boot().findModule("jdk.jfr").isPresent();

    private FlightEvents() {
    }

    /** Whether JFR has been switched on in this process. */
    public static boolean on() {
        return PRESENT && Recorder.isInitialized();
    }

    /**
     * Tells of a drive that was opened on an I/O thread, the calling one.
     *
     * @param engine what it does its I/O with
     * @param whyNot why better engines were passed over; empty where none was
     */
    public static void driveEngine(String drive, String engine, String whyNot) {
        if (on()) {
            DriveEngineEvent event = new DriveEngineEvent();
            event.drive = drive;
            event.engine = engine;
            event.whyNot = whyNot;
            event.fallback = !whyNot.isEmpty();
            event.commit();
        }
    }

    /**
     * Tells of requests that limits held back on the calling thread.
     *
     * @param group    whose limits
     * @param write    whether they are writes, or else reads
     * @param heldNs   for how long there were any
     * @param requests how many came meanwhile
     */
    public static void throttle(String group, boolean write, long heldNs, long requests) {
        if (on()) {
            ThrottleEvent event = new ThrottleEvent();
            event.group = group;
            event.write = write;
            event.heldFor = heldNs;
            event.requests = requests;
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
