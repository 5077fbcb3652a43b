// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.jfr.FlightEvents;
import dev.miraflores.aio.jfr.PeriodicTelling;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What JFR is told of one NIC, from when its control thread finds that somebody records: what is counted anyway, once in each period.
 * <p>Thread: any.
 */
final class NetFlight extends PeriodicTelling {

    /** In the order of {@link FlightEvents#nicQueue}. */
    private static final NetCounter[] TOLD = {
        NetCounter.PACKETS, NetCounter.BYTES, NetCounter.DROPS, NetCounter.MALFORMED, NetCounter.WAITS, NetCounter.INTERRUPTS
    };

    private final String nic;
    private final Supplier<List<NetPairReport>> report;
    /** Under the lock. */
    private final Map<NetCounters, long[]> told = new HashMap<>();

    NetFlight(String nic, Supplier<List<NetPairReport>> report) {
        super(FlightEvents::watchNic);
        this.nic = nic;
        this.report = report;
    }

    /** On a thread that may wait, once {@link FlightEvents#on} said yes. */
    void begin() {
        synchronized (this) {
            beginNow();
            for (NetPairReport pair : report.get()) {
                deltas(pair.received());
                deltas(pair.transmitted());
            }
        }
        watch();
    }

    @Override
    protected void tell(long spanNs) {
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
}
