// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The kernel's view of the calling thread. Of use on platform threads only.
 *
 * <p>Source: gettid(2), tgkill(2), prctl(2).
 */
public final class NativeThread {
    private static final MemorySegment GETTID = Libc.symbol("gettid");
    private static final MemorySegment GETPID = Libc.symbol("getpid");
    private static final MemorySegment TGKILL = Libc.symbol("tgkill");
    private static final MemorySegment PRCTL = Libc.symbol("prctl");

    private NativeThread() {}

    /** The calling thread's id. */
    public static int gettid() {
        return Libc.callInt(GETTID, 0);
    }

    /** The process id. */
    public static int getpid() {
        return Libc.callInt(GETPID, 0);
    }

    /** Sends a signal to a thread of this process: 0, or −errno, −ESRCH when the thread has ended. */
    public static int kill(int tid, int signal) {
        return Libc.callInt(TGKILL, getpid(), tid, signal);
    }

    /** Names the calling thread in {@code /proc}, ps and gdb; the kernel keeps the first 15 bytes. */
    public static void setName(String name) {
        try (Arena arena = Arena.ofConfined()) {
            Libc.callInt(PRCTL, libc_h.PR_SET_NAME, arena.allocateFrom(name).address());
        }
    }
}
