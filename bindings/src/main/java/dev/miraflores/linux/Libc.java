// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The one door to C: every function is called through one linked shape of seven 64-bit integers.
 *
 * <p>Linking a shape costs milliseconds at start, a call through it nanoseconds, so there is one shape. It fits any libc
 * function of integers and pointers: in the System V x86-64 ABI (§3.2.3) integer arguments travel in registers and then
 * on the stack, each in its own eightbyte, and a callee looks at no more of them than it declares. Seven is what
 * {@code syscall(2)} takes. The shape is linked as variadic, which sets {@code al} for those functions that are.
 *
 * <p>Thread: any.
 */
final class Libc {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup SYMBOLS = LINKER.defaultLookup();

    @SuppressWarnings("restricted")
    private static final MethodHandle CALL = LINKER.downcallHandle(
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG),
            Linker.Option.firstVariadicArg(1),
            Linker.Option.captureCallState("errno"));

    /*
     * Per thread, 64 bytes:  0  int   errno after the latest call (Linker.Option.captureStateLayout())
     *                        8  long  scratch for calls that need a small buffer, such as a read of an eventfd
     */
    private static final long ERRNO_OFFSET = 0;
    static final long SCRATCH_OFFSET = 8;
    private static final long STATE_BYTES = 64;

    private static final ThreadLocal<MemorySegment> STATE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE_BYTES, 8));

    private Libc() {}

    /** The address of a libc function, which must exist. */
    static MemorySegment symbol(String name) {
        return SYMBOLS.findOrThrow(name);
    }

    /** This thread's state, of which the 56 bytes from {@link #SCRATCH_OFFSET} are for the caller until it returns. */
    static MemorySegment state() {
        return STATE.get();
    }

    // The JIT compiler inlines some 15 calls deep, and the linker's own segment stays off the heap only where it is inlined to
    // its end: whatever is between a caller and the call costs callers a level, so each of these goes to invoke by itself.

    /** Calls a function that returns an {@code int}: the result, or −errno where it is −1. */
    static int callInt(MemorySegment function, long a0) {
        MemorySegment state = STATE.get();
        return intResult(invoke(function, state, a0, 0, 0, 0, 0, 0, 0), state);
    }

    static int callInt(MemorySegment function, long a0, long a1) {
        MemorySegment state = STATE.get();
        return intResult(invoke(function, state, a0, a1, 0, 0, 0, 0, 0), state);
    }

    static int callInt(MemorySegment function, long a0, long a1, long a2) {
        MemorySegment state = STATE.get();
        return intResult(invoke(function, state, a0, a1, a2, 0, 0, 0, 0), state);
    }

    static int callInt(MemorySegment function, long a0, long a1, long a2, long a3) {
        MemorySegment state = STATE.get();
        return intResult(invoke(function, state, a0, a1, a2, a3, 0, 0, 0), state);
    }

    static int callInt(
            MemorySegment function, long a0, long a1, long a2, long a3, long a4, long a5, long a6) {
        MemorySegment state = STATE.get();
        return intResult(invoke(function, state, a0, a1, a2, a3, a4, a5, a6), state);
    }

    /** The upper half of rax is not defined for a function that returns an int. */
    private static int intResult(long rax, MemorySegment state) {
        int result = (int) rax;
        return result == -1 ? -state.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : result;
    }

    /** Calls a function that returns a {@code long}, {@code ssize_t} or pointer: the result, or −errno where it is −1. */
    static long callLong(MemorySegment function, long a0, long a1, long a2, long a3) {
        MemorySegment state = STATE.get();
        return longResult(invoke(function, state, a0, a1, a2, a3, 0, 0, 0), state);
    }

    static long callLong(
            MemorySegment function, long a0, long a1, long a2, long a3, long a4, long a5, long a6) {
        MemorySegment state = STATE.get();
        return longResult(invoke(function, state, a0, a1, a2, a3, a4, a5, a6), state);
    }

    private static long longResult(long rax, MemorySegment state) {
        return rax == -1 ? -state.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : rax;
    }

    private static long invoke(
            MemorySegment function, MemorySegment state,
            long a0, long a1, long a2, long a3, long a4, long a5, long a6) {
        try {
            return (long) CALL.invokeExact(function, state, a0, a1, a2, a3, a4, a5, a6);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("a downcall throws nothing checked", e);
        }
    }
}
