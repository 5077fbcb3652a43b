// SPDX-License-Identifier: Apache-2.0

/**
 * Devices whose rings the host's kernel serves, on a thread of its own in this process's name: vhost. Start at
 * {@link dev.miraflores.devices.vhost.KernelVrings}, the rings that one open vhost device serves, and
 * {@link dev.miraflores.devices.vhost.VhostDevice}, the ioctls that this is said by.
 * <p>The kernel reads descriptors and moves data between guest memory and whatever is behind the device; it is told where
 * memory is, where the rings are, and which events are doorbell and interrupt. Nothing of a packet passes through here.
 * <p>Thread: once a device is there its control thread makes all ioctls; no vCPU and no I/O thread does, whose filters refuse them.
 * <p>What the guest can do wrong it does to the kernel, which checks each descriptor against the memory that it was told of; a
 * ring that the kernel gives up is DEVICE_NEEDS_RESET here.
 * <p>Source: linux/vhost.h, linux/vhost_types.h. Left out: dirty logging (VHOST_F_LOG_ALL), the IOTLB, packed rings, which the
 * kernel does not have.
 */
package dev.miraflores.devices.vhost;
