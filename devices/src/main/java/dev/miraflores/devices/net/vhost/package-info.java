// SPDX-License-Identifier: Apache-2.0

/**
 * A NIC's packets moved by the host's kernel between its queues and a tap: vhost-net. Start at
 * {@link dev.miraflores.devices.net.vhost.VhostNetPath}; configuration and control queue stay with the
 * {@link dev.miraflores.devices.net.VirtioNetDevice}.
 * <p>Left out: what the guest says of the packets that it wants (virtio 1.3 §5.1.6.5.1 to §5.1.6.5.3), which the kernel does not
 * look at; the guest drops what it has no use for, as it does behind QEMU's vhost.
 */
package dev.miraflores.devices.net.vhost;
