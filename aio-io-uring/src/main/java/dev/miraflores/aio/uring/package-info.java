// SPDX-License-Identifier: Apache-2.0

/**
 * The kernel's io_uring as it is: two rings in shared memory and three system calls. Start at
 * {@link dev.miraflores.aio.uring.IoUring}; whether the host has it says {@link dev.miraflores.aio.uring.KernelFeatures}.
 * <p>A ring belongs to one thread, which alone submits and harvests; nothing here locks, and nothing allocates once the
 * ring is made. The kernel is trusted: what it writes into the completion queue is not checked.
 * <p>Left out: everything but files, polls and cancelling; 128-byte entries.
 * <p>Source: io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
 */
package dev.miraflores.aio.uring;
