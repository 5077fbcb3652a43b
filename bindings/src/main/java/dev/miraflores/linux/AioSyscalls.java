// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Linux AIO's system calls, which libc does not wrap. Each returns its result or −errno.
 *
 * <p>Source: io_setup(2), io_submit(2), io_getevents(2), io_destroy(2).
 */
public final class AioSyscalls {
    private static final MemorySegment SYSCALL = Libc.symbol("syscall");
    private static final int SETUP = libc_h.SYS_io_setup;
    private static final int SUBMIT = libc_h.SYS_io_submit;
    private static final int GETEVENTS = libc_h.SYS_io_getevents;
    private static final int DESTROY = libc_h.SYS_io_destroy;

    private AioSyscalls() {}

    /** Makes a context for {@code maxEvents} requests in flight: its id, which is never 0 and not negative, or −errno. */
    public static long setup(int maxEvents) {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET, 0); // io_setup refuses to replace a context
        int rc = Libc.callInt(SYSCALL, SETUP, maxEvents, state.address() + Libc.SCRATCH_OFFSET);
        return rc < 0 ? rc : state.get(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET);
    }

    /**
     * The memory that a context's completions lie in, which the kernel maps where the context's id points to: unmapped by
     * {@link #destroy}, before which nobody may use it any more. Whether its layout is one that the reader knows is for the
     * reader to check; the first page is always there.
     *
     * @param byteSize no more than the reader has found to be mapped
     */
    @SuppressWarnings("restricted")
    public static MemorySegment ring(long context, long byteSize) {
        return MemorySegment.ofAddress(context).reinterpret(byteSize);
    }

    /**
     * Submits {@code count} requests.
     *
     * @param iocbs address of an array of addresses of {@code struct iocb}
     * @return how many were taken, or −errno
     */
    public static int submit(long context, long count, long iocbs) {
        return Libc.callInt(SYSCALL, SUBMIT, context, count, iocbs);
    }

    /**
     * Takes completions.
     *
     * @param events address of an array of {@code struct io_event}
     * @param timeout address of a {@code struct timespec}, or 0 to wait for ever
     * @return how many there are, or −errno
     */
    public static int getevents(long context, long min, long max, long events, long timeout) {
        return Libc.callInt(SYSCALL, GETEVENTS, context, min, max, events, timeout, 0);
    }

    /** Ends a context, after its requests: 0 or −errno. */
    public static int destroy(long context) {
        return Libc.callInt(SYSCALL, DESTROY, context);
    }
}
