// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.SyscallNumber;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/** What somebody would try who has taken a thread over: system calls as they are, by number. */
final class Attempts implements Runnable {

    private static final Linker LINKER = Linker.nativeLinker();
    @SuppressWarnings("restricted")
    private static final MethodHandle SYSCALL = LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow("syscall"),
            FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG),
            Linker.Option.firstVariadicArg(1), Linker.Option.captureCallState("errno"));

    private static final int O_RDWR = 2;
    private static final int O_CREAT = 0x40;

    private final String thread;
    private final String allowedFile;
    private final String forbiddenFile;
    private final List<String> results = new ArrayList<>();

    /** @param thread what kind of thread this runs on, for the results */
    Attempts(String thread, String allowedFile, String forbiddenFile) {
        this.thread = thread;
        this.allowedFile = allowedFile;
        this.forbiddenFile = forbiddenFile;
    }

    /** The result, or −errno. */
    static long call(long number, long a0, long a1, long a2, long a3) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(8, 8);
            long rc = (long) SYSCALL.invokeExact(state, number, a0, a1, a2, a3, 0L, 0L);
            return rc == -1 ? -state.get(ValueLayout.JAVA_INT, 0) : rc;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void run() {
        try (Arena arena = Arena.ofConfined()) {
            long allowed = arena.allocateFrom(allowedFile).address();
            long forbidden = arena.allocateFrom(forbiddenFile).address();
            attempt("inet socket", SyscallNumber.SOCKET, 2, 1, 0, 0);
            attempt("datagram socket", SyscallNumber.SOCKET, 1, 2, 0, 0);
            attempt("stream socket", SyscallNumber.SOCKET, 1, 1, 0, 0);
            attempt("fork", SyscallNumber.FORK, 0, 0, 0, 0);
            attempt("clone3", SyscallNumber.CLONE3, 0, 0, 0, 0);
            attempt("chmod", SyscallNumber.CHMOD, allowed, 0777, 0, 0);
            attempt("ring", SyscallNumber.IO_URING_SETUP, 2, 0, 0, 0);
            attempt("memfd", SyscallNumber.MEMFD_CREATE, allowed, 0, 0, 0);
            attempt("read forbidden", SyscallNumber.OPENAT, -100, forbidden, 0, 0);
            attempt("make forbidden", SyscallNumber.OPENAT, -100, arena.allocateFrom(forbiddenFile + ".new").address(), O_RDWR | O_CREAT, 0600);
            attempt("read allowed", SyscallNumber.OPENAT, -100, allowed, 0, 0);
            attempt("write allowed", SyscallNumber.OPENAT, -100, allowed, O_RDWR, 0);
            attempt("remove forbidden", SyscallNumber.UNLINK, forbidden, 0, 0, 0);
            attempt("type at terminal", SyscallNumber.IOCTL, 0, 0x5412, allowed, 0);
            attempt("signal others", SyscallNumber.KILL_SYSCALL, 1, 0, 0, 0);
            attempt("undumpable", SyscallNumber.PRCTL, 4, 0, 0, 0);
            attempt("new call", 5000, 0, 0, 0, 0);
        }
    }

    private void attempt(String what, long number, long a0, long a1, long a2, long a3) {
        long rc = call(number, a0, a1, a2, a3);
        results.add(thread + ": " + what + ": " + (rc < 0 ? Errno.name((int) -rc) : "done"));
        if (rc >= 0 && (number == SyscallNumber.OPENAT || number == SyscallNumber.SOCKET)) {
            call(SyscallNumber.CLOSE, rc, 0, 0, 0);
        }
    }

    List<String> results() {
        return results;
    }
}
