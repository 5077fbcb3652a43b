// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * What there is to know of a vCPU that can go no further.
 *
 * @param cpu      the vCPU's number
 * @param headline one line: the exit reason by its name in {@code linux/kvm.h}, and what KVM says with it
 * @param details  lines of registers, segments and the bytes of the instruction
 */
public record CrashReport(int cpu, String headline, String details) {

    /** All of it, in lines. */
    @Override
    public String toString() {
        return headline + "\n" + details;
    }
}
