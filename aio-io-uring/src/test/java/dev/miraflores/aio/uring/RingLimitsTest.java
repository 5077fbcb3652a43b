// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the kernel takes of a ring of ours, and what not: io_uring_register(2), IORING_REGISTER_RESTRICTIONS. */
class RingLimitsTest {

    private IoUring ring;

    @BeforeEach
    void open() {
        assumeTrue(KernelFeatures.host().isAvailable(), () -> KernelFeatures.host().whyNot());
        ring = IoUring.create(KernelFeatures.host(), 8, 16);
        ring.enable();
    }

    @AfterEach
    void close() {
        if (ring != null) {
            ring.close();
        }
    }

    private int result(int opcode, int flags, int fd, long address, int length) {
        SubmissionQueue sq = ring.submissionQueue();
        sq.prepareTransfer(sq.begin(), opcode, flags, fd, address, length, 0, 0, 7);
        ring.submitAndWait(IoUring.NO_TIMEOUT);
        CompletionQueue cq = ring.completionQueue();
        assertEquals(1, cq.ready());
        int result = cq.result(0);
        cq.advance(1);
        return result;
    }

    @ParameterizedTest
    @ValueSource(ints = {
        IORING_OP_NOP, IORING_OP_OPENAT, IORING_OP_OPENAT2, IORING_OP_CLOSE, IORING_OP_SOCKET, IORING_OP_CONNECT, IORING_OP_ACCEPT,
        IORING_OP_SENDMSG, IORING_OP_RECVMSG, IORING_OP_UNLINKAT, IORING_OP_RENAMEAT, IORING_OP_MKDIRAT, IORING_OP_SPLICE,
        IORING_OP_STATX, IORING_OP_URING_CMD, IORING_OP_FILES_UPDATE, IORING_OP_PROVIDE_BUFFERS, IORING_OP_MSG_RING
    })
    void shouldRefuseWhatNoDiskNeeds(int opcode) {
        try (Arena arena = Arena.ofConfined()) {
            assertEquals(-Errno.EACCES, result(opcode, 0, -100, arena.allocateFrom("/dev/null").address(), 0));
        }
    }

    @Test
    void shouldTakeReads() {
        try (Arena arena = Arena.ofConfined(); Fd zero = Fd.open("/dev/zero", Fd.O_RDONLY)) {
            MemorySegment memory = arena.allocate(16).fill((byte) 1);
            assertEquals(16, result(IORING_OP_READ, 0, zero.number(), memory.address(), 16));
            assertEquals(16, result(IORING_OP_READ, IOSQE_ASYNC, zero.number(), memory.address(), 16));
            assertEquals(0, memory.get(java.lang.foreign.ValueLayout.JAVA_INT, 12));
        }
    }

    @Test
    void shouldRefuseChains() {
        assertEquals(-Errno.EACCES, result(IORING_OP_READ, IOSQE_IO_LINK, 0, 0, 0));
        assertEquals(-Errno.EACCES, result(IORING_OP_READ, IOSQE_BUFFER_SELECT, 0, 0, 0));
    }

    /** Files, buffers and the ring's own descriptor were registered with it by the time that requests are, and may be later. */
    @Test
    void shouldRegisterWhatDisksRegister() {
        assertTrue(ring.registerFileTable(4));
        try (Fd zero = Fd.open("/dev/zero", Fd.O_RDONLY); Arena arena = Arena.ofConfined()) {
            assertEquals(0, ring.updateFile(1, zero.number()));
            assertEquals(16, result(IORING_OP_READ, IOSQE_FIXED_FILE, 1, arena.allocate(16).address(), 16));
            assertEquals(0, ring.updateFile(1, -1));
        }
    }
}
