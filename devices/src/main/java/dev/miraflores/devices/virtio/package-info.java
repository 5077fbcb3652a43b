// SPDX-License-Identifier: Apache-2.0

/**
 * Virtio without the devices: what a device is ({@link dev.miraflores.devices.virtio.VirtioDevice}), and the two ways
 * to reach one, {@link dev.miraflores.devices.virtio.VirtioPciTransport} and
 * {@link dev.miraflores.devices.virtio.VirtioMmioTransport}. What both have in common, status, features and queue
 * set-up, is {@link dev.miraflores.devices.virtio.VirtioDeviceState}.
 * <p>The driver is not trusted: it may write any register at any time in any width. Nothing here throws for that, and
 * the geometry of a queue is final from the moment it is enabled.
 * <p>Registers are served on vCPU threads under a lock per device. Notifications take no part in it: the driver's are
 * events that a device waits for, the device's are sent from whatever thread it runs on.
 * <p>Source: virtio 1.3 §2, §3, §4.1, §4.2. Left out: the legacy interface, VIRTIO_F_RING_RESET, administration
 * virtqueues, shared memory regions, VIRTIO_F_NOTIFICATION_DATA.
 */
package dev.miraflores.devices.virtio;
