// SPDX-License-Identifier: Apache-2.0

/**
 * What devices and the machine around them agree on: {@link dev.miraflores.devices.Bus} and
 * {@link dev.miraflores.devices.BusDevice} for registers, {@link dev.miraflores.devices.InterruptLine} and
 * {@link dev.miraflores.devices.MsiController} for interrupts, {@link dev.miraflores.devices.Doorbells} for
 * notifications that never leave the kernel. The machine supplies them; nothing here knows of KVM.
 */
package dev.miraflores.devices;
