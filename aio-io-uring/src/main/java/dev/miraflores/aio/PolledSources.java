// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.Arrays;

/**
 * The sources that an I/O thread looks after. One that throws is dropped and told so: a bug in it must not be the others' end.
 * <p>Thread: the I/O thread.
 */
final class PolledSources {

    private static final PolledSource[] NONE = {};

    /** Replaced, never changed, so that a turn that is going through it is not disturbed. */
    private PolledSource[] all = NONE;

    boolean isEmpty() {
        return all.length == 0;
    }

    void add(PolledSource source) {
        PolledSource[] more = Arrays.copyOf(all, all.length + 1);
        more[more.length - 1] = source;
        all = more;
    }

    void remove(PolledSource source) {
        PolledSource[] left = NONE;
        for (PolledSource each : all) {
            if (each != source) {
                left = Arrays.copyOf(left, left.length + 1);
                left[left.length - 1] = each;
            }
        }
        all = left;
    }

    /** Gives each its turn; answers whether one had something to do. */
    boolean poll() {
        boolean worked = false;
        for (PolledSource source : all) {
            worked |= poll(source);
        }
        return worked;
    }

    private boolean poll(PolledSource source) {
        try {
            return source.poll();
        } catch (RuntimeException | Error bug) {
            drop(source, bug);
            return true;
        }
    }

    boolean hasWork() {
        for (PolledSource source : all) {
            if (hasWork(source)) {
                return true;
            }
        }
        return false;
    }

    private boolean hasWork(PolledSource source) {
        try {
            return source.hasWork();
        } catch (RuntimeException | Error bug) {
            drop(source, bug);
            return true;
        }
    }

    /** Asks one after the other for events, up to the first that has something already; answers whether there is one. */
    boolean enableEvents() {
        for (PolledSource source : all) {
            if (enableEvents(source)) {
                return true;
            }
        }
        return false;
    }

    private boolean enableEvents(PolledSource source) {
        try {
            return source.enableEvents();
        } catch (RuntimeException | Error bug) {
            drop(source, bug);
            return true;
        }
    }

    void endTurn() {
        for (PolledSource source : all) {
            try {
                source.endTurn();
            } catch (RuntimeException | Error bug) {
                drop(source, bug);
            }
        }
    }

    /** What went wrong may be any one's doing. */
    void dropAll(Throwable bug) {
        for (PolledSource source : all) {
            drop(source, bug);
        }
    }

    private void drop(PolledSource source, Throwable bug) {
        remove(source);
        source.onFailure(bug);
    }
}
