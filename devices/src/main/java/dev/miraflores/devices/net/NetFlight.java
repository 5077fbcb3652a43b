// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.jfr.FlightEvents;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What JFR is told of one NIC, from when its control thread finds that somebody records: what is counted anyway, once in each period.
 * <p>Thread: any. JFR may hold locks of its own while it calls {@link #tell}, so that none is held here while it is called.
 */
final class NetFlight {

    /** In the order of {@link FlightEvents#nicQueue}. */
    private static final NetCounter[] TOLD = {
        NetCounter.PACKETS, NetCounter.BYTES, NetCounter.DROPS, NetCounter.MALFORMED, NetCounter.WAITS, NetCounter.INTERRUPTS
    };

    private final String nic;
    private final Supplier<List<NetPairReport>> report;
    private final Runnable tell = this::tell;

    // Under the lock: what has been told already, and whether there is nothing more to tell.
    private final Map<NetCounters, long[]> told = new HashMap<>();
    private long toldAtNs;
    private boolean watched;
    private boolean ended;

    NetFlight(String nic, Supplier<List<NetPairReport>> report) {
        this.nic = nic;
        this.report = report;
    }

    /** On a thread that may wait, once {@link FlightEvents#on} said yes. */
    void begin() {
        synchronized (this) {
            toldAtNs = System.nanoTime();
            for (NetPairReport pair : report.get()) {
                deltas(pair.received());
                deltas(pair.transmitted());
            }
        }
        FlightEvents.watchNic(tell);
        synchronized (this) {
            watched = !ended;
        }
        if (!watched) {
            FlightEvents.unwatch(tell);
        }
    }

    private synchronized void tell() {
        if (!ended) {
            tellNow();
        }
    }

    private void tellNow() {
        long now = System.nanoTime();
        long spanNs = now - toldAtNs;
        toldAtNs = now;
        for (NetPairReport pair : report.get()) {
            tell(pair, "receive", spanNs, deltas(pair.received()));
            tell(pair, "transmit", spanNs, deltas(pair.transmitted()));
        }
    }

    /** Of a pair that no driver uses there is nothing to tell, but for what it did before. */
    private void tell(NetPairReport pair, String direction, long spanNs, long[] counts) {
        boolean any = pair.active();
        for (long count : counts) {
            any |= count != 0;
        }
        if (any) {
            FlightEvents.nicQueue(nic, pair.index(), direction, spanNs, counts);
        }
    }

    private long[] deltas(NetCounters counters) {
        long[] before = told.computeIfAbsent(counters, _ -> new long[TOLD.length]);
        long[] deltas = new long[TOLD.length];
        for (int i = 0; i < TOLD.length; i++) {
            long count = counters.packets().get(TOLD[i]);
            deltas[i] = count - before[i];
            before[i] = count;
        }
        return deltas;
    }

    /** The NIC is at its end, and tells the rest. */
    void end() {
        boolean tellsRest;
        synchronized (this) {
            tellsRest = watched && !ended;
            if (tellsRest) {
                tellNow();
            }
            ended = true;
        }
        if (tellsRest) {
            FlightEvents.unwatch(tell);
        }
    }
}
