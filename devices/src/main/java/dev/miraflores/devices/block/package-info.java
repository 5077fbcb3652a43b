// SPDX-License-Identifier: Apache-2.0

/**
 * The virtio block device (virtio 1.3 §5.2). Start at {@link dev.miraflores.devices.block.VirtioBlockDevice}.
 * <p>A request's life: a chain is popped on the disk's I/O thread; {@link dev.miraflores.devices.block.BlockRequest}
 * checks it while it is walked once, copies out what it needs, and points at the data where it lies in guest memory; the
 * backend's {@link dev.miraflores.aio.BlockLink} does the I/O; the status byte, the used element and, once per batch, the
 * interrupt follow. Nothing is copied, allocated or locked on that way.
 * <p>What a {@link dev.miraflores.devices.block.BlockBackend} is to a disk, a link is to a disk on one I/O thread; a
 * disk with several queues or threads has one link on each.
 * <p>Left out: more than one queue, discard and write zeroes, zoned devices, lifetime and secure erase.
 */
package dev.miraflores.devices.block;
