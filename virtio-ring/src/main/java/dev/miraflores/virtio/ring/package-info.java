// SPDX-License-Identifier: Apache-2.0

/**
 * Virtqueues (virtio 1.3 §2.6 to §2.8), the device's side and the driver's. Start at
 * {@link dev.miraflores.virtio.ring.Virtqueue} for a device, at {@link dev.miraflores.virtio.ring.VirtqueueDriver} for
 * a driver.
 * <p>A queue belongs to one thread; nothing here locks or allocates once it is built.
 * <p>The device's side trusts the driver in nothing. Each field the driver may write is read once, into a local, with
 * the access mode in the name of the call, and what was read is what is checked and used. A rule that was broken is
 * a {@link dev.miraflores.virtio.ring.DriverFault}: on the chain, which can then be given back, or on the queue, which
 * then is at its end.
 * <p>The driver's side is that of a well-behaved driver: for tests, benchmarks, fuzzing and vhost-user. It believes no
 * more of what a device writes than it needs to, and reports the rest as an {@link java.lang.IllegalStateException}.
 * <p>Left out: VIRTIO_F_IN_ORDER's shortcut of one used element for many buffers (a device that uses them in order
 * fulfils the feature without it), legacy layouts and legacy byte order.
 */
package dev.miraflores.virtio.ring;
