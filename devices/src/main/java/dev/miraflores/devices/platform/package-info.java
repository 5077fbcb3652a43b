// SPDX-License-Identifier: Apache-2.0

/**
 * What else of a PC a kernel looks for, and the ways out of it: the keyboard controller
 * ({@link dev.miraflores.devices.platform.I8042}), the clock ({@link dev.miraflores.devices.platform.Rtc}), ACPI's fixed
 * hardware ({@link dev.miraflores.devices.platform.AcpiPm}), and the ports that reset the machine or end it, which
 * tell a {@link dev.miraflores.devices.platform.PowerControl}.
 * <p>Thread: registers, any vCPU thread; each device has one lock. Threads of their own exist only once a guest has
 * enabled an interrupt that time raises.
 * <p>The interrupt controllers, the interval timer and port 61h are the machine's.
 */
package dev.miraflores.devices.platform;
