// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EveryThread;
import dev.miraflores.linux.Landlock;
import dev.miraflores.linux.Privileges;
import dev.miraflores.linux.ResourceLimits;
import dev.miraflores.linux.Seccomp;
import dev.miraflores.linux.ThreadRole;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Puts this process into a sandbox. To be called when all is set up (machines made, sockets bound, files opened) and before a
 * guest runs:
 * <pre>
 *   no_new_privs, capabilities, Landlock   on every thread, by signal: the kernel keeps them for each
 *   limits                                 no core dumps, a bounded number of descriptors
 *   seccomp                                a filter on every thread; then a narrower one on each that does I/O, and on each
 *                                          that runs a guest or does I/O and starts later </pre>
 * <p>What a kernel does not have is left out, and the report says so. There is no way back.
 * <p>Thread: any, once.
 */
public final class Sandbox {

    /** Descriptors that may come on top of those that are open: a disk with 64 queues has some 200. */
    private static final int MORE_DESCRIPTORS = 4096;

    private static boolean entered;

    private final SandboxPolicy policy;
    private final List<String> missing = new ArrayList<>();

    private Sandbox(SandboxPolicy policy) {
        this.policy = policy;
    }

    /**
     * Enters it.
     *
     * @return what could not be had, a line each that says what that means; empty where nothing is missing
     * @throws IllegalStateException where the process is in one
     */
    public static synchronized List<String> enter(SandboxPolicy policy) {
        if (entered) {
            throw new IllegalStateException("the process is in a sandbox already");
        }
        entered = true;
        Sandbox sandbox = new Sandbox(policy);
        sandbox.enter();
        return sandbox.missing;
    }

    private void enter() {
        try (EveryThread threads = new EveryThread()) {
            dropPrivileges(threads);
            restrictFiles(threads);
        } catch (ErrnoException e) {
            missing.add("files and capabilities: " + e.getMessage() + "; all that this user may do to them stays possible");
        }
        limitResources();
        filterSystemCalls();
    }

    private void dropPrivileges(EveryThread threads) {
        try {
            threads.call("prctl(PR_SET_NO_NEW_PRIVS)", Privileges.noNew());
            if (Privileges.permitted() != 0) {
                try (Arena arena = Arena.ofConfined()) {
                    threads.call("capset", Privileges.dropAll(arena));
                    Privileges.setGivenUp();
                }
            }
        } catch (ErrnoException e) {
            missing.add("capabilities: " + e.getMessage() + "; those of this user stay");
        }
    }

    private void restrictFiles(EveryThread threads) {
        int version = Landlock.version();
        if (version < 0) {
            missing.add("Landlock: " + whyNoLandlock(-version) + "; all files of this user stay within reach");
            return;
        }
        try (Landlock rules = Landlock.create()) {
            allow(rules, JvmPaths.readable(), Landlock.READ);
            allow(rules, policy.readable, Landlock.READ);
            allow(rules, JvmPaths.writable(), Landlock.WRITE);
            allow(rules, policy.writable, Landlock.WRITE);
            allow(rules, JvmPaths.changeable(), Landlock.CHANGE);
            allow(rules, policy.changeable, Landlock.CHANGE);
            allow(rules, policy.emptiable, Landlock.REMOVE);
            threads.call("landlock_restrict_self", rules.restrict());
            Landlock.setInForce();
        } catch (ErrnoException e) {
            missing.add("Landlock: " + e.getMessage() + "; files of this user stay within reach");
        }
    }

    private static void allow(Landlock rules, List<String> paths, long access) {
        for (String path : paths) {
            int rc = rules.allow(path, access);
            // What is not there, or not for this user, needs no rule.
            if (rc < 0 && rc != -Errno.ENOENT && rc != -Errno.ENOTDIR && rc != -Errno.EACCES) {
                throw new ErrnoException("landlock_add_rule(" + path + ")", -rc);
            }
        }
    }

    /** In a few words, for reports. */
    public static String whyNoLandlock(int errno) {
        return switch (errno) {
            case Errno.ENOSYS -> "not in this kernel: Linux 5.13 or newer has it";
            case Errno.EOPNOTSUPP -> "not switched on: boot the host with landlock among lsm=";
            default -> Errno.name(errno) + " (" + errno + ")";
        };
    }

    private void limitResources() {
        String[] open = new File("/proc/self/fd").list();
        int rc = ResourceLimits.noCoreDumps();
        if (rc == 0 && open != null) {
            rc = ResourceLimits.lowerDescriptors(open.length + MORE_DESCRIPTORS);
        }
        if (rc < 0) {
            missing.add("limits: setrlimit: " + Errno.name(-rc) + "; a core dump may show what guests have in memory");
        }
    }

    private void filterSystemCalls() {
        int rc = Seccomp.probe();
        if (rc == 0) {
            rc = Seccomp.setNoNewPrivileges();
        }
        try (Arena arena = Arena.ofConfined()) {
            SyscallRules rules = SyscallRules.ofProcess(policy.connects, policy.vhost, policy.tap);
            MemorySegment program = FilterProgram.inMemory(arena, FilterProgram.of(rules));
            rc = rc < 0 ? rc : Seccomp.installOnAllThreads(program);
        }
        if (rc != 0) {
            missing.add("seccomp: " + (rc > 0 ? "thread " + rc + " has a filter of its own" : Errno.name(-rc) + " (" + -rc + ")")
                    + "; every system call stays within reach");
            return;
        }
        KernelFeatures.giveUp("the sandbox lets hv make no io_uring once a guest runs: it could open files past the filter of"
                + " system calls; --sandbox off does");
        narrowThreads();
    }

    private void narrowThreads() {
        // For threads to come, so for ever.
        Arena arena = Arena.global();
        ThreadRole.VCPU.narrow(FilterProgram.inMemory(arena, FilterProgram.of(SyscallRules.ofVcpuThread())));
        ThreadRole.IO.narrow(FilterProgram.inMemory(arena, FilterProgram.of(SyscallRules.ofIoThread(policy.tap))));
        for (IoThread thread : policy.ioThreads) {
            thread.call(new EnterIo());
        }
    }

    /** On an I/O thread that was there before. */
    private static final class EnterIo implements Runnable {
        @Override
        public void run() {
            ThreadRole.IO.enter();
        }
    }
}
