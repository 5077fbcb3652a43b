// SPDX-License-Identifier: Apache-2.0

/**
 * A disk or a NIC whose I/O another process does: the front end of vhost-user. Start at
 * {@link dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice}, which the transports see as any virtio device, or
 * {@link dev.miraflores.devices.vhostuser.frontend.VhostUserNetPath}, which a NIC sees as any that moves its packets.
 * <pre>
 *   vCPU      VhostUserBlockDevice   registers; posts what it wants to the control thread
 *   control   BackendLink            connects, starts and stops the rings, connects again
 *             BackendSession         one connection: requests and their replies, with a deadline
 *             VringSet, Vring        the rings, and what is left of them when a back end is gone </pre>
 * <p>Requests and their completions do not pass through here: the guest's notifications are eventfds that KVM signals and the
 * back end waits for, its own are eventfds that it signals and KVM turns into interrupts. Where an interrupt needs the device
 * (a pin, virtio-mmio), the control thread passes it on.
 * <p>The back end is not trusted: what it sends is checked, each wait for it has an end, and a back end that breaks the
 * protocol costs the driver its device (DEVICE_NEEDS_RESET), nothing else. It does have all of the guest's memory.
 * <p>Source: QEMU's docs/interop/vhost-user.rst, whose sections are quoted by their titles. Left out: migration (dirty logging),
 * memory slots that come and go, in-band notifications.
 */
package dev.miraflores.devices.vhostuser.frontend;
