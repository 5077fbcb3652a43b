// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import static dev.miraflores.linux.SyscallNumber.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.NativeThread;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The filters, in an interpreter of their own. */
class FilterProgramTest {

    private static final int ALLOW = 0x7fff_0000;
    private static final int EPERM = 0x0005_0001;
    private static final int ENOSYS = 0x0005_0026;
    private static final int KILL = 0x8000_0000;

    private static final int I386 = 0x4000_0003;
    private static final int BPF_MAXINSNS = 4096;

    private static final long KVM_RUN = 0xAE80;
    private static final long KVM_CREATE_VM = 0xAE01;
    private static final long TIOCSTI = 0x5412;
    private static final long TCSETS = 0x5402;

    private static final List<SyscallRules> ALL =
            List.of(SyscallRules.ofProcess(false), SyscallRules.ofProcess(true),
            SyscallRules.ofProcess(true, true, true), SyscallRules.ofVcpuThread(), SyscallRules.ofIoThread(false),
            SyscallRules.ofIoThread(true));

    private final long[] process = FilterProgram.of(SyscallRules.ofProcess(false));
    private final long[] vcpu = FilterProgram.of(SyscallRules.ofVcpuThread());
    private final long[] io = FilterProgram.of(SyscallRules.ofIoThread(false));

    private static int run(long[] program, int number, long... arguments) {
        return FilterInterpreter.run(program, FilterInterpreter.X86_64, number, arguments);
    }

    /** What the rules say, read off them one by one. */
    private static int expected(SyscallRules rules, int number, long[] arguments) {
        if (number < 0 || number >= 0x4000_0000) {
            return KILL;
        }
        if (number >= SyscallRules.KNOWN) {
            return ENOSYS;
        }
        for (ArgumentRule rule = rules.rule(number); rule != null; rule = rule.next()) {
            boolean fits = false;
            for (int value : rule.values()) {
                fits |= ((int) arguments[rule.argument()] & rule.mask()) == value;
            }
            if (!fits) {
                return rule.otherwise();
            }
        }
        return rules.action(number);
    }

    @Test
    void shouldDoWhatTheRulesSay() {
        Random random = new Random(5);
        for (SyscallRules rules : ALL) {
            long[] program = FilterProgram.of(rules);
            assertTrue(program.length <= BPF_MAXINSNS, () -> program.length + " instructions");
            for (int number = 0; number < 1200; number++) {
                for (int turn = 0; turn < 20; turn++) {
                    long[] arguments = arguments(random, rules, number);
                    assertEquals(expected(rules, number, arguments), run(program, number, arguments), "call " + number);
                }
            }
            for (int number : new int[] {0x3FFF_FFFF, 0x4000_0000, 0x4000_0000 | EXECVE, Integer.MAX_VALUE, Integer.MIN_VALUE, -1}) {
                assertEquals(expected(rules, number, new long[6]), run(program, number), "call " + number);
            }
        }
    }

    /** Often what a rule wants, in part. */
    private static long[] arguments(Random random, SyscallRules rules, int number) {
        long[] arguments = new long[6];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = random.nextLong() >>> random.nextInt(64);
        }
        ArgumentRule rule = number < SyscallRules.KNOWN ? rules.rule(number) : null;
        for (; rule != null && random.nextInt(4) != 0; rule = rule.next()) {
            int value = rule.values()[random.nextInt(rule.values().length)];
            arguments[rule.argument()] = random.nextLong() << 32 | Integer.toUnsignedLong(value);
        }
        return arguments;
    }

    /** Numbers mean other calls there. */
    @Test
    void shouldEndAProcessThatCallsAsAnotherArchitecture() {
        for (SyscallRules rules : ALL) {
            assertEquals(KILL, FilterInterpreter.run(FilterProgram.of(rules), I386, READ));
            assertEquals(KILL, run(FilterProgram.of(rules), 0x4000_0000 | READ));
        }
    }

    @Test
    void shouldEndAProcessThatWasTakenOver() {
        for (SyscallRules rules : ALL) {
            long[] program = FilterProgram.of(rules);
            for (int number : new int[] {EXECVE, EXECVEAT, PTRACE, PROCESS_VM_WRITEV, INIT_MODULE, BPF, MOUNT, UNSHARE, SETNS, KEYCTL,
                    USERFAULTFD, PERF_EVENT_OPEN, OPEN_BY_HANDLE_AT, SETUID, CAPSET}) {
                assertEquals(KILL, run(program, number), "call " + number);
            }
        }
    }

    @Test
    void shouldLetThreadsStartAndNothingElse() {
        long pthread = 0x003D_0F00; // what glibc asks for
        assertEquals(ALLOW, run(vcpu, CLONE, pthread));
        assertEquals(EPERM, run(process, CLONE, 0x11)); // SIGCHLD: fork
        assertEquals(EPERM, run(process, CLONE, 0x4111)); // vfork
        assertEquals(EPERM, run(process, CLONE, pthread | 0x1000_0000)); // a user namespace
        assertEquals(EPERM, run(process, CLONE, pthread | 0x80)); // a time namespace
        assertEquals(ENOSYS, run(process, CLONE3));
        assertEquals(EPERM, run(process, FORK));
        assertEquals(EPERM, run(process, VFORK));
    }

    @Test
    void shouldLetSocketsBeLocalStreams() {
        assertEquals(ALLOW, run(process, SOCKET, 1, 1 | 0x80000));
        assertEquals(EPERM, run(process, SOCKET, 1, 2), "datagrams go to addresses");
        assertEquals(EPERM, run(process, SOCKET, 2, 1), "AF_INET");
        assertEquals(EPERM, run(process, SOCKET, 16, 3), "AF_NETLINK");
        assertEquals(EPERM, run(process, CONNECT));
        assertEquals(EPERM, run(process, BIND));
        assertEquals(ALLOW, run(FilterProgram.of(SyscallRules.ofProcess(true)), CONNECT));
        assertEquals(ALLOW, run(process, ACCEPT4));
        assertEquals(EPERM, run(io, SOCKET, 1, 1));
        assertEquals(EPERM, run(vcpu, ACCEPT4));
    }

    @Test
    void shouldLetVhostBeSpokenWithOnlyWhereADeviceIsItsAndOnNoVcpu() {
        long[] withVhost = FilterProgram.of(SyscallRules.ofProcess(false, true, false));
        long setRunning = 0x4004AF61;
        long setOwner = 0xAF01;
        long setGuestCid = 0x4008AF60;
        assertEquals(ALLOW, run(withVhost, IOCTL, 5, setRunning));
        assertEquals(ALLOW, run(withVhost, IOCTL, 5, KVM_RUN));
        assertEquals(EPERM, run(withVhost, IOCTL, 5, setOwner), "was asked for before");
        assertEquals(EPERM, run(withVhost, IOCTL, 5, setGuestCid), "was asked for before");
        assertEquals(EPERM, run(process, IOCTL, 5, setRunning));
        assertEquals(EPERM, run(vcpu, IOCTL, 5, setRunning));
        assertEquals(EPERM, run(io, IOCTL, 5, setRunning));
    }

    @Test
    void shouldLetTapsBeSpokenWithOnlyWhereThereIsOneAndOnNoVcpu() {
        long setOffload = 0x400454D0;
        long setQueue = 0x400454D9;
        long setInterface = 0x400454CA;
        for (long[] withTap : List.of(FilterProgram.of(SyscallRules.ofProcess(false, false, true)),
                FilterProgram.of(SyscallRules.ofIoThread(true)))) {
            assertEquals(ALLOW, run(withTap, IOCTL, 5, setOffload));
            assertEquals(ALLOW, run(withTap, IOCTL, 5, setQueue));
            assertEquals(EPERM, run(withTap, IOCTL, 5, setInterface), "was done before");
        }
        for (long[] without : List.of(process, io, vcpu)) {
            assertEquals(EPERM, run(without, IOCTL, 5, setOffload));
            assertEquals(EPERM, run(without, IOCTL, 5, setQueue));
        }
    }

    @Test
    void shouldLetDevicesBeUsedAndNoTerminalBeTypedAt() {
        assertEquals(ALLOW, run(process, IOCTL, 3, KVM_RUN));
        assertEquals(ALLOW, run(vcpu, IOCTL, 3, KVM_RUN));
        assertEquals(ALLOW, run(vcpu, IOCTL, 3, 0xDEAD_0000_0000L | KVM_RUN), "an int to the kernel");
        assertEquals(EPERM, run(io, IOCTL, 3, KVM_RUN));
        assertEquals(EPERM, run(process, IOCTL, 3, KVM_CREATE_VM));
        assertEquals(EPERM, run(process, IOCTL, 0, TIOCSTI));
        assertEquals(ALLOW, run(process, IOCTL, 0, TCSETS));
        assertEquals(EPERM, run(vcpu, IOCTL, 0, TCSETS));
    }

    @Test
    void shouldLetThreadsOfGuestsOnlyReadWhatTheyOpen() {
        long create = 0x40 | 2;
        for (long[] program : new long[][] {vcpu, io}) {
            assertEquals(ALLOW, run(program, OPENAT, -100, 0, 0x80000));
            assertEquals(EPERM, run(program, OPENAT, -100, 0, create));
            assertEquals(EPERM, run(program, OPENAT, -100, 0, 1));
            assertEquals(EPERM, run(program, OPEN, 0, 0x200));
            assertEquals(EPERM, run(program, UNLINK));
        }
        assertEquals(ALLOW, run(process, OPENAT, -100, 0, create));
    }

    @Test
    void shouldLetSignalsReachThisProcessAlone() {
        assertEquals(ALLOW, run(vcpu, TGKILL, NativeThread.getpid()));
        assertEquals(EPERM, run(process, TGKILL, 1));
        assertEquals(EPERM, run(process, KILL_SYSCALL, -1));
        assertEquals(EPERM, run(process, FCNTL, 3, 8), "F_SETOWN");
    }

    @Test
    void shouldLeaveRingsToThreadsThatHaveThem() {
        assertEquals(ALLOW, run(io, IO_URING_ENTER));
        assertEquals(EPERM, run(vcpu, IO_URING_ENTER));
        assertEquals(EPERM, run(process, IO_URING_SETUP));
    }

    /** With 0 as the operation filters could be strict for good; with a listener the process would answer for the kernel. */
    @Test
    void shouldLetFiltersGetNarrowerAlone() {
        assertEquals(ALLOW, run(process, SECCOMP, 1, 0b110));
        assertEquals(EPERM, run(process, SECCOMP, 0, 0));
        assertEquals(EPERM, run(process, SECCOMP, 1, 0b1000));
    }

    /** Each exit of a guest goes through two of them. */
    @Test
    void shouldFindKvmRunInFewSteps() {
        assertTrue(steps(vcpu, IOCTL, KVM_RUN) <= 20, () -> steps(vcpu, IOCTL, KVM_RUN) + " steps");
    }

    private static int steps(long[] program, int number, long request) {
        int steps = 0;
        int at = 0;
        int a = 0;
        while (true) {
            long instruction = program[at++];
            steps++;
            int k = (int) (instruction >>> 32);
            switch ((int) instruction & 0xFFFF) {
                case 0x20 -> a = k == 0 ? number : k == 4 ? FilterInterpreter.X86_64 : (int) request;
                case 0x05 -> at += k;
                case 0x15 -> at += (int) (instruction >>> (a == k ? 16 : 24)) & 0xFF;
                case 0x35 -> at += (int) (instruction >>> (Integer.compareUnsigned(a, k) >= 0 ? 16 : 24)) & 0xFF;
                default -> {
                    return steps;
                }
            }
        }
    }
}
