// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

/** Runs a program of the kernel's packet filter as the kernel would, for what a filter of system calls may have in it. */
final class FilterInterpreter {

    static final int X86_64 = 0xC000_003E;

    private FilterInterpreter() {
    }

    /** What the program returns for a call. */
    static int run(long[] program, int architecture, int number, long... arguments) {
        int a = 0;
        int at = 0;
        for (int steps = 0; steps <= program.length; steps++) { // jumps go forward only
            long instruction = program[at++];
            int code = (int) instruction & 0xFFFF;
            int ifTrue = (int) (instruction >>> 16) & 0xFF;
            int ifFalse = (int) (instruction >>> 24) & 0xFF;
            int k = (int) (instruction >>> 32);
            switch (code) {
                case 0x20 -> a = load(k, architecture, number, arguments);
                case 0x54 -> a &= k;
                case 0x05 -> at += k;
                case 0x15 -> at += a == k ? ifTrue : ifFalse;
                case 0x35 -> at += Integer.compareUnsigned(a, k) >= 0 ? ifTrue : ifFalse;
                case 0x06 -> {
                    return k;
                }
                default -> throw new AssertionError("instruction " + (at - 1) + " is 0x" + Long.toHexString(instruction));
            }
        }
        throw new AssertionError("does not end");
    }

    /** struct seccomp_data, of which the kernel allows whole words to be read. */
    private static int load(int offset, int architecture, int number, long[] arguments) {
        if (offset == 0) {
            return number;
        }
        if (offset == 4) {
            return architecture;
        }
        if (offset < 16 || offset >= 64 || offset % 4 != 0) {
            throw new AssertionError("loads from " + offset);
        }
        int index = offset - 16 >>> 3;
        long argument = index < arguments.length ? arguments[index] : 0;
        return (int) (offset % 8 == 0 ? argument : argument >>> 32);
    }
}
