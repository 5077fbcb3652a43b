// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Filters of system calls, in the machine language of the classic packet filter. One that is installed stays, and so does what
 * an earlier one refuses: of all filters' answers the kernel takes the strictest.
 *
 * <p>Thread: any.
 *
 * <p>Source: seccomp(2), the kernel's Documentation/userspace-api/seccomp_filter.rst, linux/seccomp.h, linux/filter.h.
 */
public final class Seccomp {
    public static final int RET_KILL_PROCESS = 0x8000_0000;
    /** With an errno in the lower 16 bits. */
    public static final int RET_ERRNO = 0x0005_0000;
    public static final int RET_ALLOW = 0x7fff_0000;

    /** {@code struct sock_filter}: u16 code, u8 jump if true, u8 jump if false, u32 operand. */
    public static final int INSTRUCTION_BYTES = 8;

    private static final int SET_MODE_FILTER = 1;
    private static final int GET_ACTION_AVAIL = 2;
    private static final int FLAG_TSYNC = 1;
    /** What it refuses shows in the kernel's audit log (Linux 4.14). */
    private static final int FLAG_LOG = 1 << 1;
    /**
     * Without it, kernels before 5.16 turn speculation past stores off for all of the process, which slows compiled code down
     * by a fifth and more. It is meant for processes that run code they do not trust in their own address space; a guest's
     * code runs in none of ours, and KVM switches the mitigation as the guest asks.
     */
    private static final int FLAG_SPEC_ALLOW = 1 << 2;
    private static final int FLAGS = FLAG_LOG | FLAG_SPEC_ALLOW;

    private static final MemorySegment SYSCALL = Libc.symbol("syscall");
    private static final MemorySegment PRCTL = Libc.symbol("prctl");

    private static volatile boolean inForce;

    private Seccomp() {}

    /** Whether the process has come under a filter of its own. */
    public static boolean isInForce() {
        return inForce;
    }

    /** Whether this kernel has filters that can end the process (Linux 4.14): 0 or −errno. */
    public static int probe() {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET, RET_KILL_PROCESS);
        return Libc.callInt(SYSCALL, SyscallNumber.SECCOMP, GET_ACTION_AVAIL, 0, state.address() + Libc.SCRATCH_OFFSET);
    }

    /** Gives up, for the calling thread and all that it starts, what execve(2) could gain; a filter needs it: 0 or −errno. */
    public static int setNoNewPrivileges() {
        return Libc.callInt(PRCTL, libc_h.PR_SET_NO_NEW_PRIVS, 1);
    }

    /**
     * Installs a filter on every thread, no_new_privs with it.
     *
     * @param program {@code struct sock_filter[]}
     * @return 0, −errno, or the id of a thread that has a filter of its own which this one is not under
     */
    public static int installOnAllThreads(MemorySegment program) {
        int rc = install(program, FLAG_TSYNC | FLAGS);
        inForce |= rc == 0;
        return rc;
    }

    /** Installs one more filter on the calling thread, for it and the threads that it starts: 0 or −errno. */
    public static int installOnThisThread(MemorySegment program) {
        return install(program, FLAGS);
    }

    private static int install(MemorySegment program, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            // struct sock_fprog: u16 count of instructions, their address at 8.
            MemorySegment header = arena.allocate(16, Long.BYTES);
            header.set(ValueLayout.JAVA_SHORT, 0, (short) (program.byteSize() / INSTRUCTION_BYTES));
            header.set(ValueLayout.JAVA_LONG, 8, Addresses.of(program));
            return Libc.callInt(SYSCALL, SyscallNumber.SECCOMP, SET_MODE_FILTER, flags, header.address());
        }
    }
}
