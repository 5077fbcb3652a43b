// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * io_uring's three system calls, which libc does not wrap. Each returns its result or −errno.
 *
 * <p>Source: io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
 */
public final class IoUringSyscalls {
    private static final MemorySegment SYSCALL = Libc.symbol("syscall");
    private static final int SETUP = libc_h.SYS_io_uring_setup;
    private static final int ENTER = libc_h.SYS_io_uring_enter;
    private static final int REGISTER = libc_h.SYS_io_uring_register;

    private IoUringSyscalls() {}

    /**
     * Makes a ring.
     *
     * @param params {@code struct io_uring_params}, read and filled in
     * @return its descriptor or −errno
     */
    public static int setup(int entries, MemorySegment params) {
        int rc = Libc.callInt(SYSCALL, SETUP, entries, Addresses.of(params), 0, 0, 0, 0);
        Reference.reachabilityFence(params);
        return rc;
    }

    /**
     * Submits, waits, or both.
     *
     * @param flags {@code IORING_ENTER_…}
     * @param arg address of a {@code sigset_t} or, with IORING_ENTER_EXT_ARG, of a {@code struct io_uring_getevents_arg}; or 0
     * @param argBytes size of what {@code arg} points to
     * @return how many entries were consumed, or −errno
     */
    public static int enter(int ring, int toSubmit, int minComplete, int flags, long arg, long argBytes) {
        return Libc.callInt(SYSCALL, ENTER, ring, toSubmit, minComplete, flags, arg, argBytes);
    }

    /**
     * Registers buffers, files and the like, or asks for a probe.
     *
     * @param arg address of what the operation takes, or 0
     * @param count how many there are
     */
    public static int register(int ring, int operation, long arg, int count) {
        return Libc.callInt(SYSCALL, REGISTER, ring, operation, arg, count, 0, 0);
    }
}
