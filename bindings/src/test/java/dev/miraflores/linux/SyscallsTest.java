// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.bindings.iouring.io_uring_abi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The calls that libc does not wrap. A host may have them switched off, and must then say so in one of these ways. */
class SyscallsTest {
    private static final Set<Integer> SWITCHED_OFF = Set.of(-Errno.ENOSYS, -Errno.EPERM);

    @Test
    void shouldSetUpAndEnterARing() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(io_uring_abi.io_uring_params.sizeof, 8);
            int ring = IoUringSyscalls.setup(4, params);
            if (SWITCHED_OFF.contains(ring)) {
                return;
            }
            try (Fd fd = Fd.adopt(ring)) {
                assertEquals(4, params.get(ValueLayout.JAVA_INT, io_uring_abi.io_uring_params.sq_entries));
                assertEquals(0, IoUringSyscalls.enter(fd.number(), 0, 0, 0, 0, 0));
                assertEquals(-Errno.EINVAL, IoUringSyscalls.register(fd.number(), 9999, 0, 0));
            }
            assertEquals(-Errno.EINVAL, IoUringSyscalls.setup(0, arena.allocate(io_uring_abi.io_uring_params.sizeof, 8)));
            assertEquals(-Errno.EBADF, IoUringSyscalls.enter(-1, 0, 0, 0, 0, 0));
        }
    }

    @Test
    void shouldSetUpAndDestroyAnAioContext() {
        long context = AioSyscalls.setup(4);
        if (context == -Errno.ENOSYS || context == -Errno.EPERM) {
            return;
        }
        assertTrue(context > 0, "context " + context);
        assertEquals(0, AioSyscalls.submit(context, 0, 0));
        assertEquals(0, AioSyscalls.getevents(context, 0, 0, 0, 0));

        assertEquals(0, AioSyscalls.destroy(context));
        assertEquals(-Errno.EINVAL, AioSyscalls.destroy(context));
    }

    @Test
    void shouldReturnWhatIoctlReturns() {
        try (EventFd event = EventFd.create(); Arena arena = Arena.ofConfined()) {
            assertEquals(-Errno.ENOTTY, Ioctl.call(event.number(), 0xAE00, 0));
            assertEquals(-Errno.EBADF, Ioctl.call(-1, 0xAE00, arena.allocate(8)));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> Ioctl.call(event.number(), 0xAE00, MemorySegment.ofArray(new byte[8])));
        }
        MemorySegment closed;
        try (Arena arena = Arena.ofConfined()) {
            closed = arena.allocate(8);
        }
        assertThrows(IllegalStateException.class, () -> Ioctl.call(-1, 0xAE00, closed));
    }
}
