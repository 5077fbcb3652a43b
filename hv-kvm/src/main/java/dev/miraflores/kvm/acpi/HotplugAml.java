// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import dev.miraflores.kvm.acpi.AcpiConfig.PciHotplug;

/**
 * The part of the DSDT that makes a guest notice what is put into its PCI slots and what is wanted back. Guests look at a
 * slot after device check, and stop what is in it and evaluate its _EJ0 after an eject request.
 * <pre>
 *   \_GPE._Exx             edge: calls SCHK
 *   \_SB.PCI0.SCHK         reads and so takes up, then down
 *   \_SB.PCI0.SNTF(m, v)   Notify(Snnn, v) for each bit of m
 *   \_SB.PCI0.Snnn         _ADR, _SUN, _EJ0: writes the slot's bit to eject </pre>
 * <p>Slots have no _STA: whether there is something in one, configuration space tells. One store or read is all that a method
 * does with a register, so none needs a lock.
 * <p>Source: ACPI 6.3 §5.6.4.1.1 (_Exx), §5.6.6 (notifications), §6.1.1 (_ADR), §6.1.11 (_SUN), §6.3.3 (_EJ0).
 */
final class HotplugAml {
    private static final int SLOTS = 32;
    private static final int DEVICE_CHECK = 1;
    private static final int EJECT_REQUEST = 3;

    private HotplugAml() {}

    /** What goes into the root bridge. */
    static void slots(AmlWriter aml, PciHotplug hotplug) {
        aml.portRegion("HPR0", hotplug.port(), PciHotplug.PORT_COUNT)
                .dwordRegisters("HPR0")
                .dwordRegister("SLUP").dwordRegister("SLDN").dwordRegister("SLEJ").dwordRegister("SLRM")
                .end();
        for (int slot = 1; slot < SLOTS; slot++) {
            if (isPluggable(hotplug, slot)) {
                slot(aml, slot);
            }
        }
        aml.serializedMethod("SNTF", 2);
        for (int slot = 1; slot < SLOTS; slot++) {
            if (isPluggable(hotplug, slot)) {
                aml.when().and().arg(0).integer(bit(slot)).noTarget()
                        .notifying().path(name(slot)).arg(1)
                        .end();
            }
        }
        aml.end();
        // Up before down: what is wanted back at once has to be seen first.
        aml.serializedMethod("SCHK", 0)
                .path("SNTF").path("SLUP").integer(DEVICE_CHECK)
                .path("SNTF").path("SLDN").integer(EJECT_REQUEST)
                .end();
    }

    private static void slot(AmlWriter aml, int slot) {
        aml.device(name(slot))
                .name("_ADR").integer((long) slot << 16)
                .name("_SUN").integer(slot)
                .serializedMethod("_EJ0", 1)
                .store().integer(bit(slot)).path("SLEJ")
                .end()
                .end();
    }

    /** What handles the event. */
    static void event(AmlWriter aml, PciHotplug hotplug) {
        String method = "_E" + Dsdt.hexDigit(hotplug.gpe() >> 4) + Dsdt.hexDigit(hotplug.gpe());
        aml.scope("\\_GPE")
                .serializedMethod(method, 0)
                .path("\\_SB.PCI0.SCHK")
                .end()
                .end();
    }

    /** The bridge's window holds all ports; these are not for BARs. */
    static void reservedPorts(AmlWriter aml, PciHotplug hotplug) {
        aml.device("PHPR")
                .name("_HID").eisaId("PNP0A06")
                .name("_UID").string("PCI hot plug")
                .name("_CRS").resources(new ResourceTemplate().io(hotplug.port(), PciHotplug.PORT_COUNT))
                .end();
    }

    private static boolean isPluggable(PciHotplug hotplug, int slot) {
        return (hotplug.slots() >>> slot & 1) != 0;
    }

    private static long bit(int slot) {
        return 1L << slot;
    }

    private static String name(int slot) {
        return Dsdt.numbered('S', slot);
    }
}
