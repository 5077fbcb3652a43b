// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.IoUringSyscalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a ring of ours takes, and the kernel refuses all else of: the operations that {@link SubmissionQueue} prepares, and what
 * {@link IoUring} registers.
 * <p>Source: io_uring_register(2), IORING_REGISTER_RESTRICTIONS (Linux 5.10).
 */
final class RingLimits {

    private static final int[] OPERATIONS = {
        IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED, IORING_OP_READV, IORING_OP_WRITEV,
        IORING_OP_FSYNC, IORING_OP_FALLOCATE, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL
    };
    private static final int[] REGISTRATIONS = {
        IORING_REGISTER_RING_FDS, IORING_REGISTER_FILES, IORING_REGISTER_FILES_UPDATE, IORING_REGISTER_BUFFERS2,
        IORING_REGISTER_BUFFERS_UPDATE, IORING_UNREGISTER_BUFFERS
    };
    private static final int ENTRY_FLAGS = IOSQE_FIXED_FILE | IOSQE_ASYNC;

    private RingLimits() {
    }

    /** Sets them for a ring that is not enabled yet. */
    static void set(int ring) {
        int count = OPERATIONS.length + REGISTRATIONS.length + 1;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limits = arena.allocate(io_uring_restriction.sizeof * count, Long.BYTES);
            long at = 0;
            for (int operation : OPERATIONS) {
                at = put(limits, at, IORING_RESTRICTION_SQE_OP, operation);
            }
            for (int registration : REGISTRATIONS) {
                at = put(limits, at, IORING_RESTRICTION_REGISTER_OP, registration);
            }
            put(limits, at, IORING_RESTRICTION_SQE_FLAGS_ALLOWED, ENTRY_FLAGS);
            int rc = IoUringSyscalls.register(ring, IORING_REGISTER_RESTRICTIONS, limits.address(), count);
            if (rc < 0) {
                throw new ErrnoException("io_uring_register(RESTRICTIONS)", -rc);
            }
        }
    }

    private static long put(MemorySegment limits, long at, int kind, int value) {
        limits.set(ValueLayout.JAVA_SHORT, at + io_uring_restriction.opcode, (short) kind);
        limits.set(ValueLayout.JAVA_BYTE, at + io_uring_restriction.sqe_op, (byte) value); // a union with register_op, sqe_flags
        return at + io_uring_restriction.sizeof;
    }
}
