// SPDX-License-Identifier: Apache-2.0

/**
 * What devices have in common whose rings somebody else serves, the host's kernel or another process: the thread that speaks
 * with whoever that is ({@link dev.miraflores.devices.vring.ControlThread}), and a ring's events
 * ({@link dev.miraflores.devices.vring.VringEvents}), through which notifications go without passing through here.
 */
package dev.miraflores.devices.vring;
