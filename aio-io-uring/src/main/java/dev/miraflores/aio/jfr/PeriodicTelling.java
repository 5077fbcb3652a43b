// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import java.util.function.Consumer;

/**
 * Something that tells JFR what it counts, once in each period, and at its end the rest.
 * <p>Thread: any. JFR may hold locks of its own while it calls, so that none is held here while it is called.
 */
public abstract class PeriodicTelling {

    private final Consumer<Runnable> watch;
    private final Runnable tell = this::tell;

    // Under the lock: what has been told already, and whether there is nothing more to tell.
    private long toldAtNs = System.nanoTime();
    private boolean watched;
    private boolean ended;

    /** @param watch such as {@link FlightEvents#watch} */
    protected PeriodicTelling(Consumer<Runnable> watch) {
        this.watch = watch;
    }

    /** Tells what has come in {@code spanNs}, which is since it was told last. Under the lock. */
    protected abstract void tell(long spanNs);

    /** What there was until now is not told of. Under the lock. */
    protected final void beginNow() {
        toldAtNs = System.nanoTime();
    }

    /** From now on; on a thread that may wait. False where it is at its end already. */
    protected final boolean watch() {
        watch.accept(tell);
        boolean goesOn;
        synchronized (this) {
            goesOn = !ended;
            watched = goesOn;
        }
        if (!goesOn) {
            FlightEvents.unwatch(tell);
        }
        return goesOn;
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
        tell(spanNs);
    }

    /** It is at its end, and tells the rest. */
    public final void end() {
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
