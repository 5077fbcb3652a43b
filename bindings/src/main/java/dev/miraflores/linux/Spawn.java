// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Starts another program, which is given a descriptor of ours: {@link ProcessBuilder} closes all but the first three.
 *
 * <p>Thread: any.
 *
 * <p>Source: posix_spawn(3), close_range(2), waitpid(3).
 */
public final class Spawn {
    private static final MemorySegment POSIX_SPAWN = Libc.symbol("posix_spawn");
    private static final MemorySegment ACTIONS_INIT = Libc.symbol("posix_spawn_file_actions_init");
    private static final MemorySegment ACTIONS_ADD = Libc.symbol("posix_spawn_file_actions_adddup2");
    private static final MemorySegment ACTIONS_DESTROY = Libc.symbol("posix_spawn_file_actions_destroy");
    private static final MemorySegment WAITPID = Libc.symbol("waitpid");

    private static final MemorySegment SYSCALL = Libc.symbol("syscall");

    private static final int FIRST_BESIDE_THE_STANDARD_ONES = 3;
    private static final int LAST = ~0;
    // linux/close_range.h, since Linux 5.11.
    private static final int CLOSE_RANGE_CLOEXEC = 1 << 2;

    // glibc's posix_spawn_file_actions_t has 80 bytes on x86-64, musl's less.
    private static final long ACTIONS_BYTES = 128;

    /** What {@link #await} answers where a signal ended the program: this and the signal's number, as shells do. */
    public static final int SIGNALLED = 128;

    private Spawn() {}

    /**
     * Starts a program. It finds {@code PATH} in its environment and nothing else, and has the descriptors that are named here and
     * no other: all of this process's are closed on exec from now on, be they whose they may.
     *
     * @param words the path of its file, then its arguments
     * @param input its standard input
     * @param output its standard output and standard error
     * @param inherited a descriptor that it has under the same number
     * @return its process's id
     */
    public static int start(List<String> words, int input, int output, int inherited) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment actions = arena.allocate(ACTIONS_BYTES, Long.BYTES);
            MemorySegment id = arena.allocate(ValueLayout.JAVA_INT);
            String path = words.getFirst();
            check(path, Libc.callInt(ACTIONS_INIT, actions.address()));
            try {
                check(path, Libc.callInt(ACTIONS_ADD, actions.address(), input, 0));
                check(path, Libc.callInt(ACTIONS_ADD, actions.address(), output, 1));
                check(path, Libc.callInt(ACTIONS_ADD, actions.address(), output, 2));
                // To the same number: closing on exec is all that is taken off.
                check(path, Libc.callInt(ACTIONS_ADD, actions.address(), inherited, inherited));
                String search = System.getenv("PATH");
                closeAllOnExec();
                List<String> environment = search == null ? List.of() : List.of("PATH=" + search);
                check(path, Libc.callInt(POSIX_SPAWN, id.address(), arena.allocateFrom(path).address(), actions.address(), 0,
                        strings(arena, words).address(), strings(arena, environment).address(), 0));
            } finally {
                Libc.callInt(ACTIONS_DESTROY, actions.address());
            }
            return id.get(ValueLayout.JAVA_INT, 0);
        }
    }

    /** The JDK's sockets are not by themselves, nor is what this process was given by the one that started it. */
    private static void closeAllOnExec() {
        int rc = Libc.callInt(SYSCALL, SyscallNumber.CLOSE_RANGE, FIRST_BESIDE_THE_STANDARD_ONES, LAST, CLOSE_RANGE_CLOEXEC);
        if (rc < 0) {
            closeEachOnExec();
        }
    }

    /** For kernels, and filters of system calls, that know no close_range. */
    static void closeEachOnExec() {
        String[] open = new File("/proc/self/fd").list();
        if (open == null) {
            throw new ErrnoException("open(/proc/self/fd)", Errno.ENOENT);
        }
        for (String name : open) {
            int number = Integer.parseInt(name);
            if (number >= FIRST_BESIDE_THE_STANDARD_ONES) {
                FileIo.setCloseOnExec(number); // that which the list was read from is closed by now
            }
        }
    }

    /** These return an error number, not −1. */
    private static void check(String path, int errno) {
        if (errno != 0) {
            throw new ErrnoException("posix_spawn(" + path + ")", Math.abs(errno));
        }
    }

    /** An array of pointers with a null at its end. */
    private static MemorySegment strings(Arena arena, List<String> words) {
        MemorySegment array = arena.allocate(ValueLayout.JAVA_LONG, words.size() + 1L);
        for (int i = 0; i < words.size(); i++) {
            array.setAtIndex(ValueLayout.JAVA_LONG, i, arena.allocateFrom(words.get(i)).address());
        }
        return array;
    }

    /** Waits for a program's end: its exit code, {@link #SIGNALLED} and the signal that ended it, or −errno. */
    public static int await(int id) {
        MemorySegment state = Libc.state();
        int rc;
        do {
            rc = Libc.callInt(WAITPID, id, state.address() + Libc.SCRATCH_OFFSET, 0);
        } while (rc == -Errno.EINTR);
        if (rc < 0) {
            return rc;
        }
        // bits/waitstatus.h
        int status = state.get(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET);
        int signal = status & 0x7F;
        return signal == 0 ? status >> 8 & 0xFF : SIGNALLED + signal;
    }
}
