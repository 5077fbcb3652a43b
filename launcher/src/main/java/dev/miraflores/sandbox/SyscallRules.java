// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import static dev.miraflores.linux.SyscallNumber.*;

import dev.miraflores.devices.vhost.VhostKind;
import dev.miraflores.kvm.KvmIoctls;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.NativeThread;
import dev.miraflores.linux.Seccomp;
import dev.miraflores.linux.Storage;
import dev.miraflores.linux.TerminalMode;
import dev.miraflores.linux.Tun;

/**
 * Which system calls a process that runs machines makes once they are set up. Everything starts refused; then
 * <ul>
 *   <li>what the JVM, libc or our own code makes is allowed, some of it with certain arguments only;
 *   <li>what none of them has ever a reason to make, and only somebody who took the process over would, ends the process: it has
 *       been broken into, and must not get a second try;
 *   <li>all else fails with EPERM, which a library is prepared for: a new JDK or libc may try something new, and a guest must
 *       not die of that. What is newer than this list fails with ENOSYS, at which they fall back.
 * </ul>
 * Threads that run guests and threads that do I/O have less: what opens, makes and removes things.
 * <p>Thread: one.
 */
final class SyscallRules {

    /** Numbers from here on are not known to this list. */
    static final int KNOWN = 468;
    /** The other system call table of x86-64, which has no use here (linux/unistd.h, __X32_SYSCALL_BIT). */
    static final int X32_BIT = 0x4000_0000;

    static final int ALLOW = Seccomp.RET_ALLOW;
    static final int KILL = Seccomp.RET_KILL_PROCESS;
    static final int REFUSE = Seccomp.RET_ERRNO | Errno.EPERM;
    static final int UNKNOWN = Seccomp.RET_ERRNO | Errno.ENOSYS;

    private static final int ANY_BIT = ~0;

    private static final int[] MEMORY = {
        MMAP, MUNMAP, MPROTECT, MADVISE, MREMAP, BRK, MINCORE, MSYNC, MLOCK, MUNLOCK, MLOCK2, GET_MEMPOLICY, MBIND
    };
    private static final int[] THREADS = {
        FUTEX, FUTEX_WAITV, FUTEX_WAKE, FUTEX_WAIT, FUTEX_REQUEUE, SET_ROBUST_LIST, RSEQ, SET_TID_ADDRESS, GETTID, GETPID,
        GETPPID, EXIT, EXIT_GROUP, SCHED_YIELD, SCHED_GETAFFINITY, SCHED_GETPARAM, SCHED_GETSCHEDULER,
        SCHED_GET_PRIORITY_MAX, SCHED_GET_PRIORITY_MIN, GETPRIORITY, MEMBARRIER, GETCPU, RESTART_SYSCALL
    };
    private static final int[] TIME = {
        NANOSLEEP, CLOCK_NANOSLEEP, CLOCK_GETTIME, CLOCK_GETRES, GETTIMEOFDAY, TIME_SYSCALL, TIMERFD_CREATE, TIMERFD_SETTIME,
        TIMERFD_GETTIME
    };
    private static final int[] SIGNALS = {
        RT_SIGACTION, RT_SIGPROCMASK, RT_SIGRETURN, RT_SIGPENDING, RT_SIGSUSPEND, RT_SIGTIMEDWAIT, SIGALTSTACK, PAUSE
    };
    private static final int[] OPEN_FILES = {
        READ, WRITE, PREAD64, PWRITE64, READV, WRITEV, PREADV, PWRITEV, PREADV2, PWRITEV2, CLOSE, LSEEK, FSTAT, FSTATFS,
        FTRUNCATE, FALLOCATE, FSYNC, FDATASYNC, SYNC_FILE_RANGE, FADVISE64, READAHEAD, DUP, DUP2, DUP3, SENDFILE,
        COPY_FILE_RANGE
    };
    private static final int[] LOOKING_AROUND = {
        STAT, LSTAT, NEWFSTATAT, STATX, STATFS, ACCESS, FACCESSAT, FACCESSAT2, READLINK, READLINKAT, GETDENTS64, GETCWD
    };
    /** What Landlock decides about. */
    private static final int[] CHANGING_FILES = {
        UNLINK, UNLINKAT, RENAME, RENAMEAT, RENAMEAT2, MKDIR, MKDIRAT, RMDIR, TRUNCATE
    };
    private static final int[] WAITING = {
        POLL, PPOLL, SELECT, PSELECT6, EPOLL_CREATE1, EPOLL_CTL, EPOLL_WAIT, EPOLL_PWAIT, EPOLL_PWAIT2, EVENTFD2, PIPE2
    };
    /** Of sockets that are there; what is connected to whom was settled before. */
    private static final int[] SOCKET_IO = {
        RECVFROM, SENDTO, RECVMSG, SENDMSG, SHUTDOWN, GETSOCKNAME, GETPEERNAME, GETSOCKOPT, SETSOCKOPT
    };
    private static final int[] NEW_SOCKETS = {ACCEPT, ACCEPT4};
    private static final int[] ASYNCHRONOUS = {
        IO_URING_ENTER, IO_URING_REGISTER, IO_SETUP, IO_DESTROY, IO_SUBMIT, IO_GETEVENTS, IO_PGETEVENTS, IO_CANCEL
    };
    private static final int[] ABOUT_ITSELF = {
        GETRANDOM, UNAME, SYSINFO, GETRUSAGE, GETRLIMIT, TIMES, GETUID, GETEUID, GETGID, GETEGID, GETGROUPS, GETRESUID,
        GETRESGID, UMASK, CAPGET
    };

    private static final int[] KILLED = {
        // Other programs.
        EXECVE, EXECVEAT,
        // Other processes.
        PTRACE, PROCESS_VM_READV, PROCESS_VM_WRITEV, PROCESS_MADVISE, KCMP, PIDFD_GETFD,
        // The kernel's own code.
        INIT_MODULE, FINIT_MODULE, DELETE_MODULE, CREATE_MODULE, KEXEC_LOAD, KEXEC_FILE_LOAD, BPF, PERF_EVENT_OPEN, USERFAULTFD,
        // Other namespaces and other trees of files.
        UNSHARE, SETNS, CHROOT, PIVOT_ROOT, MOUNT, UMOUNT2, OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, FSPICK,
        MOUNT_SETATTR, NAME_TO_HANDLE_AT, OPEN_BY_HANDLE_AT,
        // Keys, and other users.
        ADD_KEY, REQUEST_KEY, KEYCTL, SETUID, SETGID, SETREUID, SETREGID, SETRESUID, SETRESGID, SETFSUID, SETFSGID, SETGROUPS,
        CAPSET,
        // The host as a whole.
        REBOOT, SWAPON, SWAPOFF, ACCT, QUOTACTL, QUOTACTL_FD, SYSLOG, SETHOSTNAME, SETDOMAINNAME, SETTIMEOFDAY, CLOCK_SETTIME,
        CLOCK_ADJTIME, ADJTIMEX, IOPL, IOPERM, MODIFY_LDT, VHANGUP, USELIB, NFSSERVCTL, LOOKUP_DCOOKIE, SYSCTL_SYSCALL
    };

    // linux/sched.h: of a new thread, and of what would be a new process or have new namespaces.
    private static final int CLONE_THREAD = 0x0001_0000;
    private static final int CLONE_NEW_NAMESPACES = 0x7E02_0080;

    // linux/prctl.h: names of threads and of memory, and questions that libc and the JVM ask.
    private static final int[] PRCTL_OPERATIONS = {
        15 /* SET_NAME */, 16 /* GET_NAME */, 0x53564d41 /* SET_VMA */, 3 /* GET_DUMPABLE */, 21 /* GET_SECCOMP */,
        23 /* CAPBSET_READ */, 39 /* GET_NO_NEW_PRIVS */
    };

    // fcntl(2): all but what has signals sent to others, such as F_SETOWN.
    private static final int[] FCNTL_COMMANDS = {
        0 /* DUPFD */, 1 /* GETFD */, 2 /* SETFD */, 3 /* GETFL */, 4 /* SETFL */, 5 /* GETLK */, 6 /* SETLK */, 7 /* SETLKW */,
        36 /* OFD_GETLK */, 37 /* OFD_SETLK */, 38 /* OFD_SETLKW */, 1030 /* DUPFD_CLOEXEC */, 1031 /* SETPIPE_SZ */,
        1032 /* GETPIPE_SZ */, 1033 /* ADD_SEALS */, 1034 /* GET_SEALS */
    };

    // asm-generic/ioctls.h. Never TIOCSTI, which types at the terminal of whoever started the process.
    private static final int[] FILE_IOCTLS = {0x541B /* FIONREAD */, 0x5421 /* FIONBIO */, 0x5450 /* FIONCLEX */, 0x5451 /* FIOCLEX */};

    private static final int AF_UNIX = 1;
    /** linux/memfd.h: MFD_CLOEXEC, MFD_ALLOW_SEALING. */
    private static final int SEALED_MEMFD = 1 | 2;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_TYPE_MASK = 0xF;

    // O_ACCMODE, O_CREAT, O_TRUNC: anything but reading.
    private static final int OPEN_TO_WRITE = 3 | 0x40 | 0x200;

    private static final int SECCOMP_SET_MODE_FILTER = 1;
    // SECCOMP_FILTER_FLAG_LOG and _SPEC_ALLOW; not _NEW_LISTENER, which would let it answer for the kernel.
    private static final int SECCOMP_FLAGS = 0b110;

    private final int[] actions = new int[KNOWN];
    private final ArgumentRule[] rules = new ArgumentRule[KNOWN];

    private SyscallRules() {
        fill(REFUSE, 0, KNOWN);
    }

    /** Of the process. */
    static SyscallRules ofProcess(boolean connects) {
        return ofProcess(connects, false, false);
    }

    /**
     * @param connects whether Unix sockets may be connected
     * @param vhost    whether control threads speak with the kernel's vhost
     * @param tap      whether a network interface is a tap
     */
    static SyscallRules ofProcess(boolean connects, boolean vhost, boolean tap) {
        SyscallRules table = new SyscallRules();
        table.set(ALLOW, MEMORY, THREADS, TIME, SIGNALS, OPEN_FILES, LOOKING_AROUND, CHANGING_FILES, WAITING, SOCKET_IO, NEW_SOCKETS,
                ASYNCHRONOUS, ABOUT_ITSELF);
        table.set(KILL, KILLED);
        table.set(ALLOW, new int[] {OPEN, OPENAT});
        if (connects) {
            table.set(ALLOW, new int[] {CONNECT});
        }
        table.putRules(vhost, tap);
        return table;
    }

    private void putRules(boolean vhost, boolean tap) {
        // The kernel cannot look at clone3's flags, which lie in memory: libc makes do with clone where there is none.
        actions[CLONE3] = UNKNOWN;
        rule(CLONE, ArgumentRule.of(0, CLONE_THREAD | CLONE_NEW_NAMESPACES, REFUSE, CLONE_THREAD));
        int pid = NativeThread.getpid();
        rule(TGKILL, ArgumentRule.of(0, ANY_BIT, REFUSE, pid));
        rule(KILL_SYSCALL, ArgumentRule.of(0, ANY_BIT, REFUSE, pid));
        rule(PRLIMIT64, ArgumentRule.of(0, ANY_BIT, REFUSE, 0));
        rule(PRCTL, ArgumentRule.of(0, ANY_BIT, REFUSE, PRCTL_OPERATIONS));
        rule(FCNTL, ArgumentRule.of(1, ANY_BIT, REFUSE, FCNTL_COMMANDS));
        // Of a stream a message's address is not looked at, so it goes nowhere but to the other end.
        rule(SOCKET, ArgumentRule.of(0, ANY_BIT, REFUSE, AF_UNIX).and(1, SOCK_TYPE_MASK, SOCK_STREAM));
        rule(SOCKETPAIR, ArgumentRule.of(0, ANY_BIT, REFUSE, AF_UNIX).and(1, SOCK_TYPE_MASK, SOCK_STREAM));
        // The record of what is in flight, for a vhost-user front end; nothing that could be run is made so.
        rule(MEMFD_CREATE, ArgumentRule.of(1, ANY_BIT, REFUSE, SEALED_MEMFD));
        // Threads narrow themselves down further.
        rule(SECCOMP, ArgumentRule.of(0, ANY_BIT, REFUSE, SECCOMP_SET_MODE_FILTER).and(1, ~SECCOMP_FLAGS, 0));
        rule(IOCTL, ArgumentRule.of(1, ANY_BIT, REFUSE,
                joined(KvmIoctls.whileRunning(), KvmIoctls.ofReset(), Storage.ioctls(), TerminalMode.ioctls(), FILE_IOCTLS, ofTap(tap),
                        tap ? Tun.ioctlsOfAdoption() : new int[0],
                        vhost ? VhostKind.ioctls() : new int[0])));
    }

    private static int[] ofTap(boolean tap) {
        return tap ? Tun.ioctls() : new int[0];
    }

    /** Of a thread that runs a guest, and of those that it starts: to print what the guest prints, to close a disk. */
    static SyscallRules ofVcpuThread() {
        SyscallRules table = ofProcess(false);
        table.narrow();
        table.set(REFUSE, ASYNCHRONOUS);
        table.rule(IOCTL, ArgumentRule.of(1, ANY_BIT, REFUSE, joined(KvmIoctls.whileRunning(), Storage.ioctls(), FILE_IOCTLS)));
        return table;
    }

    /**
     * Of a thread that does I/O, and of its workers.
     *
     * @param tap whether a network interface is a tap
     */
    static SyscallRules ofIoThread(boolean tap) {
        SyscallRules table = ofProcess(false);
        table.narrow();
        table.rule(IOCTL, ArgumentRule.of(1, ANY_BIT, REFUSE, joined(KvmIoctls.ofInterrupts(), Storage.ioctls(), FILE_IOCTLS, ofTap(tap))));
        return table;
    }

    /** Either may load a class, so it has to open files; but only to read them. */
    private void narrow() {
        set(REFUSE, CHANGING_FILES, NEW_SOCKETS);
        set(REFUSE, new int[] {SOCKET, SOCKETPAIR, PRLIMIT64, UMASK, MEMFD_CREATE});
        rule(OPEN, ArgumentRule.of(1, OPEN_TO_WRITE, REFUSE, 0));
        rule(OPENAT, ArgumentRule.of(2, OPEN_TO_WRITE, REFUSE, 0));
    }

    /** What the kernel answers, {@code SECCOMP_RET_…}, unless there is a rule for arguments. */
    int action(int number) {
        return actions[number];
    }

    /** What a call's arguments have to be, or null. */
    ArgumentRule rule(int number) {
        return rules[number];
    }

    private void set(int action, int[]... groups) {
        for (int[] group : groups) {
            for (int number : group) {
                actions[number] = action;
                rules[number] = null;
            }
        }
    }

    private void rule(int number, ArgumentRule rule) {
        actions[number] = ALLOW;
        rules[number] = rule;
    }

    private void fill(int action, int from, int to) {
        for (int number = from; number < to; number++) {
            actions[number] = action;
        }
    }

    private static int[] joined(int[]... parts) {
        int count = 0;
        for (int[] part : parts) {
            count += part.length;
        }
        int[] all = new int[count];
        int at = 0;
        for (int[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }
}
