// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/** Why a VM stopped. The first cause counts; those that come while it stops are dropped. */
public sealed interface StopCause {

    /** The host asked for it. */
    record HostRequest() implements StopCause {}

    /** The guest switched itself off. */
    record PowerOff() implements StopCause {}

    /** The guest asked for a reset. */
    record Reset() implements StopCause {}

    /**
     * The guest ended with a status of its own.
     *
     * @param status as the guest's program means it
     */
    record GuestExit(int status) implements StopCause {}

    /** A vCPU halted and no interrupt controller is there to wake it. */
    record Halted(int cpu) implements StopCause {}

    /** The guest did what no CPU goes on after, or KVM could not go on with it. */
    record GuestCrash(CrashReport report) implements StopCause {}

    /**
     * A system call that must not fail has failed, or our own code.
     *
     * @param report the vCPU's state at that time, or null where the failure was not on a vCPU
     */
    record HostFailure(Throwable failure, CrashReport report) implements StopCause {}
}
