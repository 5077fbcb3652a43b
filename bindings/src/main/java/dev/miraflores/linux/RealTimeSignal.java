// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Real-time signals that nobody else in the process handles, with a handler of ours.
 *
 * <p>Source: sigaction(2), signal(7).
 */
final class RealTimeSignal {
    private static final MemorySegment SIGACTION = Libc.symbol("sigaction");

    // As a number: a pointer's own layout takes long to link at start.
    private static final long HANDLER_OFFSET = libc_abi.sigaction.__sigaction_handler;
    private static final long FLAGS_OFFSET = libc_abi.sigaction.sa_flags;
    private static final long SIG_DFL = libc_h.SIG_DFL().address();

    // The C library keeps the lowest two real-time signals for itself (signal(7)).
    private static final int FIRST = libc_h.__SIGRTMIN + 2;
    private static final int LAST = libc_h.__SIGRTMAX;

    private RealTimeSignal() {}

    /**
     * Takes the first that nobody in the process handles yet.
     *
     * @param handler address of its handler
     * @param flags   {@code SA_…}
     * @return its number
     */
    static int take(long handler, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment current = arena.allocate(libc_abi.sigaction.sizeof, Long.BYTES);
            MemorySegment ours = action(arena, handler, flags);
            for (int signal = FIRST; signal <= LAST; signal++) {
                ErrnoException.check("sigaction", Libc.callInt(SIGACTION, signal, 0, current.address()));
                if (current.get(ValueLayout.JAVA_LONG, HANDLER_OFFSET) == SIG_DFL) {
                    ErrnoException.check("sigaction", Libc.callInt(SIGACTION, signal, ours.address(), 0));
                    return signal;
                }
            }
        }
        throw new IllegalStateException("no real-time signal is free");
    }

    /** Gives it back, once it can no longer arrive: by default it would end the process. */
    static void release(int signal) {
        try (Arena arena = Arena.ofConfined()) {
            Libc.callInt(SIGACTION, signal, action(arena, SIG_DFL, 0).address(), 0);
        }
    }

    private static MemorySegment action(Arena arena, long handler, int flags) {
        MemorySegment action = arena.allocate(libc_abi.sigaction.sizeof, Long.BYTES);
        action.set(ValueLayout.JAVA_LONG, HANDLER_OFFSET, handler);
        action.set(ValueLayout.JAVA_INT, FLAGS_OFFSET, flags);
        return action;
    }
}
