// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.jfr.FlightEvents;
import dev.miraflores.aio.jfr.PeriodicTelling;
import dev.miraflores.aio.jfr.WaitRecorder;
import java.util.List;

/**
 * What JFR is told of one I/O thread, from the turn on in which that finds that somebody records.
 * <p>Thread: the I/O thread, but for the two that say otherwise.
 */
final class IoThreadFlight extends PeriodicTelling {

    private static final IoThreadCounter[] TOLD = {
        IoThreadCounter.TURNS, IoThreadCounter.EVENTS, IoThreadCounter.SLEEPS, IoThreadCounter.POLL_HITS,
        IoThreadCounter.POLL_MISSES, IoThreadCounter.POLLED_NS, IoThreadCounter.SLEPT_NS
    };

    private final String name;
    private final Counters<IoThreadCounter> counters;
    /** Under the lock. */
    private final long[] told = new long[TOLD.length];

    /** Made once the events are there. */
    private volatile WaitRecorder waits;

    private IoThreadFlight(String name, Counters<IoThreadCounter> counters) {
        super(FlightEvents::watch);
        this.name = name;
        this.counters = counters;
        deltas();
    }

    /**
     * Once {@link FlightEvents#on} said yes.
     *
     * @param others begin to tell likewise, of what the thread serves
     */
    static IoThreadFlight start(String name, Counters<IoThreadCounter> counters, List<Runnable> others) {
        IoThreadFlight flight = new IoThreadFlight(name, counters);
        List<Runnable> all = List.copyOf(others);
        load(() -> {
            flight.begin();
            all.forEach(Runnable::run);
        });
        return flight;
    }

    /** Runs what loads events, which takes longer than disks should stand still for, on a thread of its own. */
    static void load(Runnable begin) {
        Thread loader = new Thread(begin, "hv-jfr");
        loader.setDaemon(true);
        loader.start();
    }

    /** A thread of its own. */
    private void begin() {
        if (watch()) {
            waits = new WaitRecorder();
        }
    }

    @Override
    protected void tell(long spanNs) {
        FlightEvents.ioThread(name, spanNs, deltas());
    }

    private long[] deltas() {
        long[] deltas = new long[TOLD.length];
        for (int i = 0; i < TOLD.length; i++) {
            long count = counters.get(TOLD[i]);
            deltas[i] = count - told[i];
            told[i] = count;
        }
        return deltas;
    }

    /** The thread begins to wait for work. */
    void beginWait() {
        WaitRecorder recorder = waits;
        if (recorder != null) {
            recorder.begin();
        }
    }

    /** It has stopped waiting; see {@link WaitRecorder#end}. */
    void endWait(long pollNs, boolean slept, long nextPollNs) {
        WaitRecorder recorder = waits;
        if (recorder != null) {
            recorder.end(pollNs, slept, nextPollNs);
        }
    }
}
