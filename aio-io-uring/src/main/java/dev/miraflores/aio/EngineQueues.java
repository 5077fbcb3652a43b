// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.Arrays;

/**
 * The queues of an I/O thread's engines: the port's own, and those beside it.
 * <p>Thread: the I/O thread.
 */
final class EngineQueues {

    private static final EngineQueue[] NONE = {};

    private final EventPort port;
    /** Those beside the port. Replaced, never changed. */
    private EngineQueue[] others = NONE;

    EngineQueues(EventPort port) {
        this.port = port;
    }

    void add(EngineQueue engine) {
        EngineQueue[] more = Arrays.copyOf(others, others.length + 1);
        more[more.length - 1] = engine;
        others = more;
    }

    void remove(EngineQueue engine) {
        EngineQueue[] left = NONE;
        for (EngineQueue each : others) {
            if (each != engine) {
                left = Arrays.copyOf(left, left.length + 1);
                left[left.length - 1] = each;
            }
        }
        others = left;
    }

    /** Whether {@link #dispatch} or {@link #submit} would find something. Looks at memory only. */
    boolean hasEvents() {
        if (port.hasEvents()) {
            return true;
        }
        for (EngineQueue engine : others) {
            if (engine.hasEvents()) {
                return true;
            }
        }
        return false;
    }

    /** Hands over what has gathered, without waiting. */
    void submit() {
        submitOthers();
        port.submit();
    }

    /** All but the port's, which hands over in the call that it sleeps in. */
    void submitOthers() {
        for (EngineQueue engine : others) {
            engine.submit();
        }
    }

    /** Before the thread sleeps: those beside the port are to signal. Answers whether one has something already. */
    boolean enableEvents() {
        for (EngineQueue engine : others) {
            if (engine.enableEvents()) {
                return true;
            }
        }
        return false;
    }

    /** Answers how many events there were. */
    int dispatch() {
        int count = port.dispatch();
        for (EngineQueue engine : others) {
            count += engine.dispatch();
        }
        return count;
    }

    /** Requests that were submitted and are not complete. */
    int inFlight() {
        int sum = port.inFlight();
        for (EngineQueue engine : others) {
            sum += engine.inFlight();
        }
        return sum;
    }
}
