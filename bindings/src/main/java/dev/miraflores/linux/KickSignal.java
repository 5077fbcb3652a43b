// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

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
    private static final MemorySegment PTHREAD_SIGMASK = Libc.symbol("pthread_sigmask");

    private static final int NUMBER = RealTimeSignal.take(Libc.symbol("abs").address(), 0);

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
            MemorySegment set = arena.allocate(libc_abi.__sigset_t.sizeof, Long.BYTES);
            set.set(ValueLayout.JAVA_LONG, 0, 1L << (NUMBER - 1));
            int error = Libc.callInt(PTHREAD_SIGMASK, libc_h.SIG_UNBLOCK, set.address(), 0);
            if (error != 0) { // returned, not put into errno
                throw new ErrnoException("pthread_sigmask", error);
            }
        }
    }
}
