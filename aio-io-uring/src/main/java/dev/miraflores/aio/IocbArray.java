// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.bindings.aio.aio_abi;
import dev.miraflores.bindings.aio.aio_abi.iocb;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A {@code struct iocb} for each slot of an engine, and the array of pointers to those that are to be submitted.
 * <pre>  0           iocb [depth]      64 bytes each, filled anew for each request
 *   64 * depth  u64 [depth]       addresses, in the order of submission; from first up to count they are waiting </pre>
 * <p>Thread: the I/O thread.
 * <p>Source: io_submit(2).
 */
final class IocbArray {

    private final MemorySegment iocbs;
    private final MemorySegment pointers;
    private final int depth;
    private int first;
    private int end;

    /**
     * @param eventFd signalled by the kernel with each completion
     */
    IocbArray(Arena arena, int depth, int fd, int eventFd) {
        this.iocbs = arena.allocate(iocb.sizeof * depth, iocb.sizeof);
        this.pointers = arena.allocate((long) Long.BYTES * depth, Long.BYTES);
        this.depth = depth;
        for (int slot = 0; slot < depth; slot++) {
            long at = iocb.sizeof * slot;
            iocbs.set(ValueLayout.JAVA_LONG, at + iocb.aio_data, slot);
            iocbs.set(ValueLayout.JAVA_INT, at + iocb.aio_fildes, fd);
            iocbs.set(ValueLayout.JAVA_INT, at + iocb.aio_flags, aio_abi.IOCB_FLAG_RESFD);
            iocbs.set(ValueLayout.JAVA_INT, at + iocb.aio_resfd, eventFd);
        }
    }

    /**
     * Fills a slot's iocb and puts it behind those that wait.
     *
     * @param opcode {@code IOCB_CMD_…}
     * @param buffer address of the buffer, or of the array of them
     * @param count  bytes in the buffer, or entries of the array
     */
    void add(int slot, int opcode, int rwFlags, long buffer, long count, long offset) {
        long at = iocb.sizeof * slot;
        iocbs.set(ValueLayout.JAVA_INT, at + iocb.aio_rw_flags, rwFlags);
        iocbs.set(ValueLayout.JAVA_SHORT, at + iocb.aio_lio_opcode, (short) opcode);
        iocbs.set(ValueLayout.JAVA_LONG, at + iocb.aio_buf, buffer);
        iocbs.set(ValueLayout.JAVA_LONG, at + iocb.aio_nbytes, count);
        iocbs.set(ValueLayout.JAVA_LONG, at + iocb.aio_offset, offset);
        if (end == depth) {
            moveToFront();
        }
        pointers.setAtIndex(ValueLayout.JAVA_LONG, end++, iocbs.address() + at);
    }

    private void moveToFront() {
        MemorySegment.copy(pointers, (long) Long.BYTES * first, pointers, 0, (long) Long.BYTES * (end - first));
        end -= first;
        first = 0;
    }

    /** How many wait. */
    int waiting() {
        return end - first;
    }

    /** Where the array of those that wait begins. */
    long address() {
        return pointers.address() + (long) Long.BYTES * first;
    }

    /** The first {@code count} of them wait no more. */
    void remove(int count) {
        first += count;
        if (first == end) {
            first = 0;
            end = 0;
        }
    }

    /** The slot of the one that has waited longest. */
    int firstSlot() {
        return (int) ((pointers.getAtIndex(ValueLayout.JAVA_LONG, first) - iocbs.address()) / iocb.sizeof);
    }
}
