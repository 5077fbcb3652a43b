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

    /** From how long on a request is slow; nothing is, as long as nobody has recorded. */
    private static volatile long slowNs = Long.MAX_VALUE;

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

    /** From how long on requests are slow enough for {@link #slowRequest}, in nanoseconds, for those who record or did last. */
    public static long slowNs() {
        return slowNs;
    }

    static void setSlowNs(long ns) {
        slowNs = ns;
    }

    /**
     * Tells of a request that took {@link #slowNs} or more.
     *
     * @param drive     the id of its disk
     * @param result    0, or −errno
     * @param latencyNs from when it was taken from its queue until now
     * @param engineNs  the part of that with engines
     * @param afterNs   the part of that since the last engine had it
     */
    public static void slowRequest(String drive, int queue, String operation, long offset, long byteCount, int result,
            long latencyNs, long engineNs, long afterNs) {
        if (Slow.PROBE.isEnabled()) { // else there is just what the last recording called slow
            SlowRequestEvent event = new SlowRequestEvent();
            event.drive = drive;
            event.queue = queue;
            event.operation = operation;
            event.offset = offset;
            event.bytes = byteCount;
            event.result = result;
            event.latency = latencyNs;
            event.beforeEngine = latencyNs - engineNs - afterNs;
            event.inEngine = engineNs;
            event.afterEngine = afterNs;
            event.commit();
        }
    }

    /**
     * Has {@code tell} called in each period of the events of I/O threads, from now on until {@link #unwatch}. Loads the
     * classes of all events here, which takes long: not for an I/O thread. Only after {@link #on} said yes.
     */
    public static void watch(Runnable tell) {
        FlightRecorder.register(SlowRequestEvent.class);
        FlightRecorder.register(ThrottleEvent.class);
        FlightRecorder.register(IoThreadWaitEvent.class);
        FlightRecorder.addPeriodicEvent(IoThreadEvent.class, tell);
    }

    /** Has {@code tell} called in each period of the events of NICs, as {@link #watch} does. */
    public static void watchNic(Runnable tell) {
        FlightRecorder.addPeriodicEvent(NicQueueEvent.class, tell);
    }

    /**
     * Tells what one direction of a NIC's queue pair has done in {@code spanNs}.
     *
     * @param counts packets, bytes, drops, malformed buffers, waits, interrupts
     */
    public static void nicQueue(String nic, int pair, String direction, long spanNs, long[] counts) {
        NicQueueEvent event = new NicQueueEvent();
        int i = 0;
        event.nic = nic;
        event.pair = pair;
        event.direction = direction;
        event.span = spanNs;
        event.packets = counts[i++];
        event.bytes = counts[i++];
        event.drops = counts[i++];
        event.malformed = counts[i++];
        event.waits = counts[i++];
        event.interrupts = counts[i];
        event.commit();
    }

    /** The end of {@link #watch} and of {@link #watchNic}. */
    public static void unwatch(Runnable tell) {
        FlightRecorder.removePeriodicEvent(tell);
    }

    /**
     * Tells what an I/O thread has done in {@code spanNs}.
     *
     * @param counts turns, events, sleeps, times polling found work, and did not, nanoseconds polled, and slept
     */
    public static void ioThread(String name, long spanNs, long[] counts) {
        IoThreadEvent event = new IoThreadEvent();
        int i = 0;
        event.ioThread = name;
        event.span = spanNs;
        event.turns = counts[i++];
        event.events = counts[i++];
        event.sleeps = counts[i++];
        event.pollHits = counts[i++];
        event.pollMisses = counts[i++];
        event.polledFor = counts[i++];
        event.sleptFor = counts[i];
        event.commit();
    }

    /** Loaded once some request is slow, and so the events are. */
    private static final class Slow {
        /** Asked, never committed. */
        static final SlowRequestEvent PROBE = new SlowRequestEvent();
    }

    /** Keeps the name of JFR's class out of one that is used without it. */
    private static final class Recorder {
        static boolean isInitialized() {
            return FlightRecorder.isInitialized();
        }
    }
}
