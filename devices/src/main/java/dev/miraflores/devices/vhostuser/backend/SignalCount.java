// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Shows whether a thread is in the middle of a signal, and of which: odd while it is.
 * <p>Thread: {@link #begin} and {@link #end}, who signals; the rest, any.
 */
final class SignalCount {

    private static final VarHandle COUNT;

    static {
        try {
            COUNT = MethodHandles.lookup().findVarHandle(SignalCount.class, "count", int.class);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private int count;

    void begin() {
        COUNT.setRelease(this, count + 1);
    }

    void end() {
        COUNT.setRelease(this, count + 1);
    }

    /** Another with each begin and end. */
    int get() {
        return (int) COUNT.getAcquire(this);
    }

    /** Whether that is in the middle of a signal. */
    static boolean isOn(int count) {
        return (count & 1) != 0;
    }
}
