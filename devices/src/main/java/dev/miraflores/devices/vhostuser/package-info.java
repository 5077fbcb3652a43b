// SPDX-License-Identifier: Apache-2.0

/**
 * The vhost-user protocol, as both of its ends use it. Start at {@link dev.miraflores.devices.vhostuser.VhostUserConnection},
 * which moves a {@link dev.miraflores.devices.vhostuser.Message}; the records read and write its payloads.
 * <p>Nothing here trusts the other end: sizes are bounded, a message is whole or the connection is given up, and every
 * descriptor that comes in is taken by someone or closed. Whether a payload is long enough is for its reader to ask.
 * <p>Source: QEMU's docs/interop/vhost-user.rst, whose sections are quoted by their titles. Left out: IOTLB, postcopy, crypto
 * sessions, shared objects.
 */
package dev.miraflores.devices.vhostuser;
