// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a thread may do beyond what file permissions say. All of it belongs to the thread, none to the process: a change is a list
 * of calls to be made on each ({@link EveryThread}).
 *
 * <p>Source: capabilities(7), capset(2), prctl(2).
 */
public final class Privileges {
    // linux/prctl.h and linux/capability.h
    private static final int PR_CAPBSET_READ = 23;
    private static final int PR_CAPBSET_DROP = 24;
    private static final int PR_CAP_AMBIENT = 47;
    private static final int PR_CAP_AMBIENT_CLEAR_ALL = 4;
    private static final int CAPABILITY_VERSION_3 = 0x2008_0522;
    private static final int CAP_SETPCAP = 8;
    private static final int MAX_CAPABILITIES = 64;

    /*
     * struct __user_cap_header_struct   0  u32 version, s32 pid, 0 for the caller
     * struct __user_cap_data_struct[2]  8  u32 effective, permitted, inheritable; the same of the upper 32
     */
    private static final long DATA_OFFSET = 8;
    private static final long PERMITTED_OFFSET = DATA_OFFSET + 4;
    private static final long UPPER_PERMITTED_OFFSET = PERMITTED_OFFSET + 12;
    private static final long BYTES = 32;

    private static final MemorySegment SYSCALL = Libc.symbol("syscall");
    private static final MemorySegment PRCTL = Libc.symbol("prctl");

    private static volatile boolean givenUp;

    private Privileges() {}

    /** Every thread has given up the capabilities that the process had. */
    public static void setGivenUp() {
        givenUp = true;
    }

    /** Whether this process has given capabilities up: what its user may do elsewhere, such as root with others' files, it may not. */
    public static boolean areGivenUp() {
        return givenUp;
    }

    /** The call that lets a thread gain nothing by execve(2) any more, set-user-ID programs included. */
    public static long[] noNew() {
        return new long[] {SyscallNumber.PRCTL, libc_h.PR_SET_NO_NEW_PRIVS, 1};
    }

    /** Capabilities that the calling thread has or could take, a bit for each; 0 where the kernel does not say. */
    public static long permitted() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = capabilities(arena);
            int rc = Libc.callInt(SYSCALL, SyscallNumber.CAPGET, memory.address(), memory.address() + DATA_OFFSET);
            return rc < 0 ? 0 : Integer.toUnsignedLong(memory.get(ValueLayout.JAVA_INT, PERMITTED_OFFSET))
                    | (long) memory.get(ValueLayout.JAVA_INT, UPPER_PERMITTED_OFFSET) << 32;
        }
    }

    /**
     * The calls by which a thread gives all capabilities up, for good: out of the bounding set, where it may do that, the ambient
     * one, then those that it has.
     *
     * @param arena holds what the calls point at
     */
    public static long[][] dropAll(Arena arena) {
        int known = (permitted() >>> CAP_SETPCAP & 1) == 0 ? 0 : knownCapabilities();
        long[][] calls = new long[known + 2][];
        for (int i = 0; i < known; i++) {
            calls[i] = new long[] {SyscallNumber.PRCTL, PR_CAPBSET_DROP, i};
        }
        calls[known] = new long[] {SyscallNumber.PRCTL, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL};
        MemorySegment none = capabilities(arena);
        calls[known + 1] = new long[] {SyscallNumber.CAPSET, none.address(), none.address() + DATA_OFFSET};
        return calls;
    }

    private static int knownCapabilities() {
        int count = 0;
        while (count < MAX_CAPABILITIES && Libc.callInt(PRCTL, PR_CAPBSET_READ, count) >= 0) {
            count++;
        }
        return count;
    }

    private static MemorySegment capabilities(Arena arena) {
        MemorySegment memory = arena.allocate(BYTES, Long.BYTES);
        memory.set(ValueLayout.JAVA_INT, 0, CAPABILITY_VERSION_3);
        return memory;
    }
}
