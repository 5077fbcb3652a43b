// SPDX-License-Identifier: Apache-2.0

/**
 * A disk as a vhost-user back end. Start at {@link dev.miraflores.devices.vhostuser.backend.VhostUserBlockServer}: it takes front
 * ends one after the other, a {@code Session} reads each one's messages, {@code Commands} does what they say, {@code Rings} has
 * the device run. The device is that of a machine, unchanged; a request goes the same way, and meets none of this.
 * <p>A ring runs from SET_VRING_KICK on, and not from its first kick: a front end that reconnects has kicked before. With
 * GET_VRING_BASE goes its kick descriptor, so that it takes another SET_VRING_KICK to start it again.
 * <p>Left out, beside what {@link dev.miraflores.devices.vhostuser} leaves out: in-band notifications. A ring that is started but
 * disabled is not processed.
 */
package dev.miraflores.devices.vhostuser.backend;
