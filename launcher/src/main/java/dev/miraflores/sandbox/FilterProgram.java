// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import dev.miraflores.linux.Seccomp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The machine code of the kernel's packet filter for some {@link SyscallRules}. It looks at
 * <pre>  struct seccomp_data   0  i32 nr   4  u32 arch   8  u64 instruction_pointer   16  u64 args[6] </pre>
 * and first of all at the architecture, since numbers mean other calls on another; then it finds the number by halves, as a
 * search from the top would cost KVM_RUN hundreds of steps each time. (Calls that are allowed whatever their arguments cost
 * nothing since Linux 5.11, which finds out by itself which those are.)
 * <p>Source: seccomp(2), linux/filter.h, linux/bpf_common.h.
 */
final class FilterProgram {

    // Instructions, as BPF_… are combined.
    static final int LOAD_WORD = 0x20;          // LD | W | ABS
    static final int AND = 0x54;                // ALU | AND | K
    static final int JUMP = 0x05;               // JMP | JA
    static final int JUMP_EQUAL = 0x15;         // JMP | JEQ | K
    static final int JUMP_NOT_BELOW = 0x35;     // JMP | JGE | K
    static final int RETURN = 0x06;             // RET | K

    static final int NR_OFFSET = 0;
    static final int ARCH_OFFSET = 4;
    static final int ARGS_OFFSET = 16;
    /** x86-64, 64 bits, little-endian (linux/audit.h). */
    static final int AUDIT_ARCH_X86_64 = 0xC000_003E;

    private static final int MAX_CONDITIONAL_JUMP = 255;

    private final SyscallRules rules;
    /** Where runs of numbers with the same answer begin. */
    private final int[] starts;
    /** Filled from its end, so that where a jump leads is known when it is written. */
    private long[] code = new long[768];
    private int first = code.length;

    private FilterProgram(SyscallRules rules) {
        this.rules = rules;
        this.starts = starts(rules);
        putSearch(0, starts.length);
        put(LOAD_WORD, 0, 0, NR_OFFSET);
        put(RETURN, 0, 0, SyscallRules.KILL);
        put(JUMP_EQUAL, 1, 0, AUDIT_ARCH_X86_64);
        put(LOAD_WORD, 0, 0, ARCH_OFFSET);
    }

    /** The program, an instruction a long: {@code struct sock_filter} as it lies in memory. */
    static long[] of(SyscallRules rules) {
        FilterProgram program = new FilterProgram(rules);
        return Arrays.copyOfRange(program.code, program.first, program.code.length);
    }

    /** A program where the kernel can read it. */
    static MemorySegment inMemory(Arena arena, long[] program) {
        MemorySegment memory = arena.allocate((long) Seccomp.INSTRUCTION_BYTES * program.length, Long.BYTES);
        for (int i = 0; i < program.length; i++) {
            memory.set(ValueLayout.JAVA_LONG, (long) Seccomp.INSTRUCTION_BYTES * i, program[i]);
        }
        return memory;
    }

    private static int[] starts(SyscallRules rules) {
        int[] starts = new int[SyscallRules.KNOWN + 2];
        int count = 0;
        for (int number = 0; number < SyscallRules.KNOWN; number++) {
            if (number == 0 || rules.rule(number) != null || rules.rule(number - 1) != null
                    || rules.action(number) != rules.action(number - 1)) {
                starts[count++] = number;
            }
        }
        starts[count++] = SyscallRules.KNOWN;
        starts[count++] = SyscallRules.X32_BIT;
        return Arrays.copyOf(starts, count);
    }

    private void putSearch(int from, int to) {
        if (to - from == 1) {
            putAnswer(starts[from]);
            return;
        }
        int middle = from + to >>> 1;
        putSearch(middle, to);
        int upper = first;
        putSearch(from, middle);
        int lower = upper - first;
        if (lower <= MAX_CONDITIONAL_JUMP) {
            put(JUMP_NOT_BELOW, lower, 0, starts[middle]);
        } else {
            put(JUMP, 0, 0, lower);
            put(JUMP_NOT_BELOW, 0, 1, starts[middle]);
        }
    }

    private void putAnswer(int number) {
        put(RETURN, 0, 0, number >= SyscallRules.X32_BIT ? SyscallRules.KILL
                : number >= SyscallRules.KNOWN ? SyscallRules.UNKNOWN : rules.action(number));
        if (number < SyscallRules.KNOWN) {
            putConditions(rules.rule(number));
        }
    }

    private void putConditions(ArgumentRule rule) {
        if (rule == null) {
            return;
        }
        putConditions(rule.next());
        put(RETURN, 0, 0, rule.otherwise());
        int[] values = rule.values();
        for (int i = values.length - 1; i >= 0; i--) {
            put(JUMP_EQUAL, values.length - i, 0, values[i]); // past the other comparisons and the refusal
        }
        if (rule.mask() != ~0) {
            put(AND, 0, 0, rule.mask());
        }
        put(LOAD_WORD, 0, 0, ARGS_OFFSET + Long.BYTES * rule.argument()); // little-endian: the lower half
    }

    /** Before what is there. */
    private void put(int operation, int ifTrue, int ifFalse, int operand) {
        if (first == 0) {
            long[] more = new long[2 * code.length];
            System.arraycopy(code, 0, more, code.length, code.length);
            first = code.length;
            code = more;
        }
        code[--first] = operation | (long) ifTrue << 16 | (long) ifFalse << 24 | (long) operand << 32;
    }
}
