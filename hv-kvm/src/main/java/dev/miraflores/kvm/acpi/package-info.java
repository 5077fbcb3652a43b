// SPDX-License-Identifier: Apache-2.0

/**
 * The ACPI tables a guest finds: RSDP, XSDT, FADT, FACS, MADT, MCFG and a DSDT in AML (ACPI 6.3).
 * Start at {@link dev.miraflores.kvm.acpi.AcpiTables}.
 * <p>The machine says what it has in an {@link dev.miraflores.kvm.acpi.AcpiConfig}; the result is a block of bytes
 * for one place in guest memory. Nothing here runs while the guest does. Enough for an unmodified kernel to find its
 * processors, PCI bus, serial port and virtio-mmio devices, and to power off; no sleep states, no HPET, no hot plug.
 */
package dev.miraflores.kvm.acpi;
