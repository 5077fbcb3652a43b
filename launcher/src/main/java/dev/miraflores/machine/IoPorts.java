// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.platform.AcpiPm;

/** Where the devices of a PC have their ports, and the interrupts (GSIs) they are wired to. */
final class IoPorts {

    static final int COM1 = 0x3F8;
    static final int COM1_IRQ = 4;

    /** Data at 60h, status and command at 64h; 61h in between is the interval timer's. */
    static final int I8042 = 0x60;
    static final int KEYBOARD_IRQ = 1;
    static final int MOUSE_IRQ = 12;

    /** Index at 70h, data at 71h. */
    static final int RTC = 0x70;
    static final int RTC_IRQ = 8;

    static final int POST = 0x80;
    static final int SYSTEM_CONTROL_A = 0x92;
    static final int DEBUG_EXIT = 0xF4;
    static final int RESET_CONTROL = 0xCF9;

    /** ACPI fixed hardware, {@link AcpiPm#PORT_COUNT} ports; the blocks within it follow. */
    static final int ACPI_PM = 0x600;
    static final int PM1A_EVT = ACPI_PM + AcpiPm.PM1_STATUS;
    static final int PM1A_CNT = ACPI_PM + AcpiPm.PM1_CONTROL;
    static final int PM_TMR = ACPI_PM + AcpiPm.TIMER;
    static final int GPE0 = ACPI_PM + AcpiPm.GPE0_STATUS;
    static final int SCI_IRQ = 9;

    /** {@link dev.miraflores.devices.pci.PciHotplugController}: below the ports that guests give to BARs. */
    static final int PCI_HOTPLUG = 0x640;
    static final int PCI_HOTPLUG_GPE = 1;

    private IoPorts() {
    }
}
