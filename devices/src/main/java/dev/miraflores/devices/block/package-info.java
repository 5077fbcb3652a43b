// SPDX-License-Identifier: Apache-2.0

/**
 * The virtio block device (virtio 1.3 §5.2). Start at {@link dev.miraflores.devices.block.VirtioBlockDevice}.
 * <p>A request's life: a chain is popped on the queue's I/O thread; {@link dev.miraflores.devices.block.BlockRequest}
 * checks it while it is walked once, copies out what it needs, and points at the data where it lies in guest memory; the
 * links of the disk's {@link dev.miraflores.aio.BlockStage}s see it, if there are any, and that of its
 * {@link dev.miraflores.devices.block.BlockBackend} does the I/O; the status byte, the used element and, once per batch, the
 * interrupt follow. Nothing is copied, allocated or locked on that way.
 * <p>A disk has any number of queues, and as many threads or fewer: queue {@code i} is on thread {@code i % threads}, and each
 * queue has links of its own. Who does what:
 * <pre>
 *   DiskControl     one per disk         start, reset, change, pause, new size, end: one at a time, on any thread
 *   DiskRun         one per activation   the queues between DRIVER_OK and reset; a failure of one is that of all
 *   QueueControl    one per queue of it  the way to the I/O thread, by messages
 *   BlockQueue      likewise             the fast path; I/O thread only
 *   RequestSlots    likewise             its requests: free, with the links, held after an error, lost to a bug </pre>
 * <p>Everything that has to wait for requests in flight waits no longer than the disk's drain time, and then says what they
 * are. A reset that is given up leaves the disk hung, and its driver waiting for the status to be 0, until the host has
 * finished; memory has to stay mapped that long, see {@link dev.miraflores.devices.virtio.MemoryInUseException}.
 * <p>Left out: zoned devices, lifetime, and secure erase, which no file can promise.
 */
package dev.miraflores.devices.block;
