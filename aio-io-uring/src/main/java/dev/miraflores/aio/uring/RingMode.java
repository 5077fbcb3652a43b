// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

/** Who does what at a ring. */
public enum RingMode {

    /** We hand entries over with a call, the kernel completes them as they come. */
    PLAIN,

    /** A thread of the kernel's takes entries as they appear, at the price of a processor while there is work. */
    SQ_POLL,

    /** We look for completions at the device itself, with a call, instead of being interrupted: O_DIRECT only. */
    IO_POLL;

    /** {@code IORING_SETUP_…} out of those that the kernel takes for {@link #PLAIN} rings. */
    int setupFlags(int plain) {
        return switch (this) {
            case PLAIN -> plain;
            // Completions come by way of the kernel's thread: there is no work of ours to put off.
            case SQ_POLL -> plain & ~(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)
                | IORING_SETUP_SQPOLL;
            case IO_POLL -> plain | IORING_SETUP_IOPOLL;
        };
    }
}
