// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

/**
 * What arguments of a system call have to be: the lower 32 bits of one, under a mask, one of some values; and another's, if there
 * is a next rule. All that is looked at are ints to the kernel, or flags that have no upper half.
 *
 * @param argument  its index, 0 to 5
 * @param otherwise the kernel's answer where it is none of them, {@code SECCOMP_RET_…}
 * @param next      what has to hold besides, or null
 */
record ArgumentRule(int argument, int mask, int otherwise, int[] values, ArgumentRule next) {

    static ArgumentRule of(int argument, int mask, int otherwise, int... values) {
        return new ArgumentRule(argument, mask, otherwise, values, null);
    }

    /** And another argument, with the same answer otherwise. */
    ArgumentRule and(int anotherArgument, int anotherMask, int... anotherValues) {
        return new ArgumentRule(argument, mask, otherwise, values, of(anotherArgument, anotherMask, otherwise, anotherValues));
    }
}
