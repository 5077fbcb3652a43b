// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import dev.miraflores.bindings.iouring.io_uring_abi.io_uring_sqe;

/**
 * {@code struct io_uring_sqe}: written by us, read by the kernel when it consumes the entry. 64-byte aligned.
 * <pre>   0  u8   opcode
 *    1  u8   flags         IOSQE_…
 *    2  u16  ioprio
 *    4  s32  fd            or, with IOSQE_FIXED_FILE, an index
 *    8  u64  off           offset in the file
 *   16  u64  addr          a buffer, an array of iovecs, or the user_data of what to cancel
 *   24  u32  len           bytes, iovecs, or IORING_POLL_ADD_…
 *   28  u32  op_flags      rw_flags, fsync_flags or poll32_events, by the opcode
 *   32  u64  user_data
 *   40  u16  buf_index     with a registered buffer
 *   42  u16  personality
 *   44  s32  splice_fd_in
 *   48  u64  addr3
 *   56  u64  pad </pre>
 * The first eight bytes and {@code len} with {@code op_flags} are stored as one long each.
 */
final class SqeLayout {

    static final int BYTES = (int) io_uring_sqe.sizeof;

    /** opcode, flags, ioprio, fd: see {@link #head}. */
    static final long HEAD_OFFSET = io_uring_sqe.opcode;
    static final long OFF_OFFSET = io_uring_sqe.off;
    static final long ADDR_OFFSET = io_uring_sqe.addr;
    /** len, op_flags: see {@link #lengthAndFlags}. */
    static final long LEN_OFFSET = io_uring_sqe.len;
    static final long USER_DATA_OFFSET = io_uring_sqe.user_data;
    /** buf_index, personality, splice_fd_in. */
    static final long BUF_INDEX_OFFSET = io_uring_sqe.buf_index;
    static final long ADDR3_OFFSET = io_uring_sqe.addr3;
    static final long PAD_OFFSET = io_uring_sqe.__pad2;

    private SqeLayout() {
    }

    static long head(int opcode, int flags, int fd) {
        return opcode & 0xFFL | (flags & 0xFFL) << 8 | (long) fd << 32;
    }

    static long lengthAndFlags(int length, int operationFlags) {
        return length & 0xFFFF_FFFFL | (long) operationFlags << 32;
    }
}
