// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.locks.LockSupport;

/**
 * System calls made on every thread of the process. What the kernel keeps for each thread, such as capabilities, no_new_privs
 * and Landlock's domain, would otherwise change for the caller and for the threads that it starts later alone; but a JVM
 * is never a single thread, and one that gives nothing up is a way around all the others.
 *
 * <p>Each thread is sent a signal whose handler makes the calls, as the C library does for setuid(2). Java code cannot run in
 * a signal's context, and libc has no function for this; so the handler is the machine code below, which takes the calls from
 * a table.
 * <pre>
 *   page 0   the handler, readable and executable
 *   data     0  u32 claimed   4  u32 told   64  {i32 tid, i32 result}[1024]   8256  {i64 number, i64 args[5]}[…], −1
 * </pre>
 *
 * <p>Thread: one at a time; others may run, start threads and end meanwhile.
 *
 * <p>Lifetime: until {@link #close}, which takes the handler away.
 *
 * <p>Source: signal-safety(7), setuid(2) "C library/kernel differences", System V x86-64 ABI §A.2.1 (system calls).
 */
public final class EveryThread implements AutoCloseable {
    /*
     *  handler: endbr64                         f30f1efa
     *           push rbx                        53
     *           push r12                        4154
     *           lea rbx, [rip + data]           488d1df20f0000
     *           lea r12, [rbx + TABLE]          4c8da340200000
     *  next:    mov rax, [r12]                  498b0424
     *           test rax, rax                   4885c0
     *           js all                          7829
     *           mov rdi, [r12 + 8]              498b7c2408
     *           mov rsi, [r12 + 16]             498b742410
     *           mov rdx, [r12 + 24]             498b542418
     *           mov r10, [r12 + 32]             4d8b542420
     *           mov r8, [r12 + 40]              4d8b442428
     *           xor r9d, r9d                    4531c9
     *           syscall                         0f05
     *           add r12, 48                     4983c430
     *           test rax, rax                   4885c0
     *           jns next                        79d0
     *           jmp tell                        eb02          the first that fails is the last
     *  all:     xor eax, eax                    31c0
     *  tell:    mov r12d, eax                   4189c4
     *           mov eax, SYS_gettid             b8ba000000
     *           syscall                         0f05
     *           mov ecx, 1                      b901000000
     *           lock xadd [rbx], ecx            f00fc10b      a place of its own in the results
     *           cmp ecx, MAX_THREADS            81f900040000
     *           jae out                         730d
     *           mov [rbx + rcx*8 + RESULTS], eax    8944cb40
     *           mov [rbx + rcx*8 + RESULTS+4], r12d  448964cb44
     *           lock inc dword [rbx + 4]        f0ff4304      after both: x86 keeps stores in order
     *  out:     pop r12                         415c
     *           pop rbx                         5b
     *           ret                             c3
     */
    static final String HANDLER = "f30f1efa534154488d1df20f00004c8da340200000498b04244885c07829498b7c2408498b742410498b542418"
            + "4d8b5424204d8b4424284531c90f054983c4304885c079d0eb0231c04189c4b8ba0000000f05b901000000f00fc10b81f900040000730d"
            + "8944cb40448964cb44f0ff4304415c5bc3";

    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle().withInvokeExactBehavior();

    private static final long PAGE_BYTES = 4096;
    private static final long CLAIMED_OFFSET = PAGE_BYTES;
    private static final long TOLD_OFFSET = PAGE_BYTES + 4;
    private static final long RESULTS_OFFSET = PAGE_BYTES + 64;
    private static final int MAX_THREADS = 1024;
    private static final long TABLE_OFFSET = RESULTS_OFFSET + 8L * MAX_THREADS;
    private static final int CALL_LONGS = 6;
    private static final long CALL_BYTES = 8L * CALL_LONGS;
    private static final int MAX_CALLS = 80;
    private static final long MAPPED_BYTES = 5 * PAGE_BYTES;

    /** A thread that runs does it at once; one that waits in the kernel without hearing signals may take as long as it likes. */
    private static final long PATIENCE_NS = 10_000_000_000L;
    private static final long LOOK_NS = 30_000;

    // linux/sched.h, since 5.12 and 6.4
    private static final long PF_IO_WORKER = 0x10;
    private static final long PF_USER_WORKER = 0x4000;

    private final Mapping mapping = Mapping.anonymous(MAPPED_BYTES, 0);
    private final MemorySegment memory = mapping.segment();
    private final int signal;
    private boolean late;

    /** @throws ErrnoException where the process may not have memory that is executable */
    public EveryThread() {
        byte[] code = HexFormat.of().parseHex(HANDLER);
        MemorySegment.copy(code, 0, memory, ValueLayout.JAVA_BYTE, 0, code.length);
        int rc = mapping.protect(0, PAGE_BYTES, libc_h.PROT_READ | libc_h.PROT_EXEC);
        if (rc < 0) {
            mapping.close();
            throw new ErrnoException("mprotect(PROT_EXEC)", -rc);
        }
        signal = RealTimeSignal.take(mapping.address(), libc_h.SA_RESTART | libc_h.SA_ONSTACK);
    }

    /**
     * Makes the calls, in their order, on each thread that there is and on those that appear meanwhile. A thread on which one
     * fails makes none after it.
     *
     * @param what  names them in messages
     * @param calls each a number and up to five arguments; what they point at must be there until this returns
     * @throws ErrnoException where a call failed on some thread, or with ETIME where a thread did not get to it: others may have
     *     made theirs
     */
    public void call(String what, long[]... calls) {
        if (late) {
            throw new ErrnoException(what + "(after a call that a thread is late with)", Errno.ETIME);
        }
        writeTable(calls);
        INT.set(memory, CLAIMED_OFFSET, 0);
        INT.set(memory, TOLD_OFFSET, 0);
        int[] sent = new int[MAX_THREADS];
        int count = 0;
        long deadline = System.nanoTime() + PATIENCE_NS;
        while (true) {
            int before = count;
            count = sendToNew(what, sent, count);
            if (count == before) {
                return; // all that there are have done it, and whom they start has it from them
            }
            awaitAll(what, sent, count, deadline);
        }
    }

    private void writeTable(long[][] calls) {
        if (calls.length > MAX_CALLS) {
            throw new IllegalArgumentException(calls.length + " calls");
        }
        long entry = TABLE_OFFSET;
        for (long[] call : calls) {
            for (int i = 0; i < CALL_LONGS; i++) {
                memory.set(ValueLayout.JAVA_LONG, entry + 8L * i, i < call.length ? call[i] : 0);
            }
            entry += CALL_BYTES;
        }
        memory.set(ValueLayout.JAVA_LONG, entry, -1);
    }

    private int sendToNew(String what, int[] sent, int count) {
        int now = count;
        for (String name : tasks()) {
            int tid = Integer.parseInt(name);
            if (contains(sent, count, tid)) {
                continue;
            }
            if (now == MAX_THREADS) {
                throw new ErrnoException(what + "(more than " + MAX_THREADS + " threads)", Errno.E2BIG);
            }
            int rc = NativeThread.kill(tid, signal);
            if (rc == 0) {
                sent[now++] = tid;
            } else if (rc != -Errno.ESRCH) {
                throw new ErrnoException("tgkill(" + tid + ")", -rc);
            }
        }
        return now;
    }

    private void awaitAll(String what, int[] sent, int count, long deadline) {
        while ((int) INT.getAcquire(memory, TOLD_OFFSET) < count) {
            if (missing(sent, count) == 0) {
                break; // those that have not told are gone
            }
            if (System.nanoTime() > deadline) {
                late = true;
                throw new ErrnoException(what + "(thread=" + missing(sent, count) + ")", Errno.ETIME);
            }
            LockSupport.parkNanos(LOOK_NS);
        }
        int told = (int) INT.getAcquire(memory, TOLD_OFFSET);
        for (int i = 0; i < told; i++) {
            int result = memory.get(ValueLayout.JAVA_INT, RESULTS_OFFSET + 8L * i + 4);
            if (result < 0) {
                throw new ErrnoException(what + "(thread=" + tidOf(i) + ")", -result);
            }
        }
    }

    /** A thread that was sent the signal, is there, may make calls, and has not told; or 0. */
    private int missing(int[] sent, int count) {
        String[] alive = tasks();
        int told = (int) INT.getAcquire(memory, TOLD_OFFSET);
        for (int i = 0; i < count; i++) {
            if (!hasTold(sent[i], told) && contains(alive, sent[i]) && !isKernels(sent[i])) {
                return sent[i];
            }
        }
        return 0;
    }

    /**
     * Whether it is a thread of the kernel's that only counts among ours: one that works for an io_uring, with the rights of whom
     * it works for, or for vhost or KVM. It has no signal handlers, and makes no system calls. True also where it is gone.
     */
    private static boolean isKernels(int tid) {
        try {
            // proc_pid_stat(5): id (name) state ppid pgrp session tty tpgid flags; a name may have anything in it.
            String stat = Files.readString(Path.of("/proc/self/task/" + tid + "/stat"), StandardCharsets.ISO_8859_1);
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return (Long.parseLong(fields[6]) & (PF_IO_WORKER | PF_USER_WORKER)) != 0;
        } catch (IOException e) {
            return true;
        }
    }

    private boolean hasTold(int tid, int told) {
        for (int i = 0; i < told; i++) {
            if (tidOf(i) == tid) {
                return true;
            }
        }
        return false;
    }

    private int tidOf(int index) {
        return memory.get(ValueLayout.JAVA_INT, RESULTS_OFFSET + 8L * index);
    }

    private static boolean contains(String[] names, int tid) {
        for (String name : names) {
            if (Integer.parseInt(name) == tid) {
                return true;
            }
        }
        return false;
    }

    private static boolean contains(int[] tids, int count, int tid) {
        for (int i = 0; i < count; i++) {
            if (tids[i] == tid) {
                return true;
            }
        }
        return false;
    }

    private static String[] tasks() {
        String[] tasks = new File("/proc/self/task").list();
        if (tasks == null) {
            throw new ErrnoException("readdir(/proc/self/task)", Errno.ENOENT);
        }
        return tasks;
    }

    /** Where a thread has not got to its calls by now it may still do so: then the handler stays. */
    @Override
    public void close() {
        if (late) {
            return;
        }
        RealTimeSignal.release(signal);
        mapping.close();
    }
}
