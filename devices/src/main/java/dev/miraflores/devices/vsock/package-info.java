// SPDX-License-Identifier: Apache-2.0

/**
 * Sockets between guest and host (virtio 1.3 §5.10), which the host's kernel serves. Start at
 * {@link dev.miraflores.devices.vsock.VirtioVsockDevice}.
 */
package dev.miraflores.devices.vsock;
