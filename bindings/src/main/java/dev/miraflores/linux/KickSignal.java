// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import dev.miraflores.bindings.libc.sigaction;
import dev.miraflores.bindings.libc.sigset_t;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The signal that calls a thread out of a blocking system call, which then returns −EINTR.
 *
 * <p>It is one real-time signal for the whole process, installed on first use. Its handler is libc's {@code abs}: a
 * function of an int that does nothing anyone can see, so no Java code runs in signal context. Without SA_RESTART, or
 * the kernel would take the call up again.
 *
 * <p>A signal that arrives just before the call is made is lost: what must not be missed needs a second means, such as
 * KVM's immediate_exit.
 *
 * <p>Thread: any.
 *
 * <p>Source: sigaction(2), signal(7).
 */
public final class KickSignal {
    private static final MemorySegment SIGACTION = Libc.symbol("sigaction");
    private static final MemorySegment PTHREAD_SIGMASK = Libc.symbol("pthread_sigmask");

    // The C library keeps the lowest two real-time signals for itself (signal(7)).
    private static final int FIRST = libc_h.__SIGRTMIN + 2;
    private static final int LAST = libc_h.__SIGRTMAX;

    private static final int NUMBER = install();

    private KickSignal() {}

    /** The signal's number. */
    public static int number() {
        return NUMBER;
    }

    /** Sends it to a thread of this process: 0, or −errno, −ESRCH when the thread has ended. */
    public static int send(int tid) {
        return NativeThread.kill(tid, NUMBER);
    }

    /** Lets the calling thread receive it, whatever signal mask it has inherited. To be called before it counts on kicks. */
    public static void unblock() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = sigset_t.allocate(arena);
            sigset_t.__val(set, 0, 1L << (NUMBER - 1));
            int error = Libc.callInt(PTHREAD_SIGMASK, libc_h.SIG_UNBLOCK, set.address(), 0);
            if (error != 0) {
                throw new ErrnoException("pthread_sigmask", Math.abs(error));
            }
        }
    }

    /** Takes the first real-time signal that nobody in the process handles yet. */
    private static int install() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment current = sigaction.allocate(arena);
            MemorySegment kick = sigaction.allocate(arena);
            sigaction.__sigaction_handler.sa_handler(
                    sigaction.__sigaction_handler(kick), Libc.symbol("abs"));
            for (int signal = FIRST; signal <= LAST; signal++) {
                ErrnoException.check("sigaction(" + signal + ")", Libc.callInt(SIGACTION, signal, 0, current.address()));
                MemorySegment handler =
                        sigaction.__sigaction_handler.sa_handler(sigaction.__sigaction_handler(current));
                if (handler.address() == 0) { // SIG_DFL
                    ErrnoException.check("sigaction(" + signal + ")", Libc.callInt(SIGACTION, signal, kick.address(), 0));
                    return signal;
                }
            }
        }
        throw new IllegalStateException("no real-time signal is free");
    }
}
