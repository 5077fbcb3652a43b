// SPDX-License-Identifier: Apache-2.0

/**
 * The network device (virtio 1.3 §5.1). Start at {@link dev.miraflores.devices.net.VirtioNetDevice}, which has configuration and
 * control queue; packets are moved by a {@link dev.miraflores.devices.net.NetDataPath}. That of this process,
 * {@link dev.miraflores.devices.net.PortDataPath}, moves them between guest memory and a {@link dev.miraflores.devices.net.NetBackend}
 * on I/O threads: a packet to be sent leaves from where the guest has it, one that comes is read to where the guest wants it, and
 * only the first bytes of each are copied, so that what was checked is what is used.
 * <p>The guest is not trusted, and neither is the network: what either does wrong costs it the packet, and is counted ({@link
 * dev.miraflores.devices.net.NetFault}).
 */
package dev.miraflores.devices.net;
