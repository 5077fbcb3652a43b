// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.linux.ErrnoException;

/** Why a VM stopped. The first cause counts; those that come while it stops are dropped. */
public sealed interface StopCause {

    /** What happened, in one line. */
    String summary();

    /** The host asked for it. */
    record HostRequest() implements StopCause {
        @Override
        public String summary() {
            return "stopped by the host";
        }
    }

    /** The guest switched itself off. */
    record PowerOff() implements StopCause {
        @Override
        public String summary() {
            return "the guest powered off";
        }
    }

    /**
     * A reset was asked for, of a machine that ends with one.
     *
     * @param byGuest whether the guest asked for it, and not the host
     */
    record Reset(boolean byGuest) implements StopCause {
        @Override
        public String summary() {
            return byGuest ? "the guest asked for a reset" : "reset by the host";
        }
    }

    /**
     * The guest ended with a status of its own.
     *
     * @param status as the guest's program means it
     */
    record GuestExit(int status) implements StopCause {
        @Override
        public String summary() {
            return "the guest ended with status " + status;
        }
    }

    /**
     * A vCPU halted and no interrupt controller is there to wake it.
     *
     * @param cpu the vCPU's number
     */
    record Halted(int cpu) implements StopCause {
        @Override
        public String summary() {
            return "vCPU " + cpu + " halted, and nothing can wake it";
        }
    }

    /**
     * The guest did what no CPU goes on after, or KVM could not go on with it.
     *
     * @param report the vCPU's state at that time
     */
    record GuestCrash(CrashReport report) implements StopCause {
        @Override
        public String summary() {
            return "the guest crashed: " + report.headline();
        }
    }

    /**
     * A system call that must not fail has failed, or our own code.
     *
     * @param failure what was thrown
     * @param report  the vCPU's state at that time, or null where the failure was not on a vCPU
     */
    record HostFailure(Throwable failure, CrashReport report) implements StopCause {
        @Override
        public String summary() {
            return "the host failed: " + (failure instanceof ErrnoException ? failure.getMessage() : failure);
        }
    }
}
