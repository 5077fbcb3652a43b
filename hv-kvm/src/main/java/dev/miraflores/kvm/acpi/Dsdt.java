// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import dev.miraflores.kvm.acpi.AcpiConfig.MemoryWindow;
import dev.miraflores.kvm.acpi.AcpiConfig.PciHost;
import dev.miraflores.kvm.acpi.AcpiConfig.VirtioMmio;
import java.util.List;

/**
 * Differentiated System Description Table: the devices a guest cannot probe for, as AML (ACPI 6.3 §5.2.11.1).
 * <pre>
 *   \_S5                              soft off
 *   \_SB.CPUS.Cnnn                    a processor each
 *   \_SB.PCI0                         the root bridge: windows, interrupts, _OSC
 *   \_SB.PCI0.Snnn, \_GPE._Exx       hot plug: a slot each, and what to do when slots change
 *   \_SB.PHPR                         the ports of that, as a range no one else may have
 *   \_SB.MRES                         the ECAM, as a range no one else may have
 *   \_SB.{COM1,KBD,MOU,RTC}           what sits behind legacy ports
 *   \_SB.Vnnn                         a virtio-mmio device each </pre>
 */
final class Dsdt {
    /** Integers of 64 bits need revision 2 (§5.2.11.1). */
    private static final int REVISION = 2;
    private static final String HEX = "0123456789ABCDEF";

    /** Host bridge device UUID and its control bits (PCI Firmware 3.2 §4.5). */
    private static final String OSC_UUID = "33DB4D5B-1FF7-401C-9657-7441C03DD766";
    private static final int OSC_UNRECOGNIZED_UUID = 1 << 2;
    private static final int OSC_UNRECOGNIZED_REVISION = 1 << 3;
    private static final int OSC_CAPABILITIES_MASKED = 1 << 4;
    /** What the guest may take over: the PCI Express capabilities; without ports, there is no hot plug of that kind, PME or AER. */
    private static final int OSC_GRANTED = 1 << 4;

    private static final int PCI_SLOTS = 32;
    private static final int PCI_PINS = 4;
    private static final int PCI_CONFIG_PORT = 0xCF8;

    private Dsdt() {
    }

    static byte[] build(AcpiConfig config) {
        AmlWriter aml = new AmlWriter();
        softOff(aml, config.fixedHardware().softOffType());
        aml.scope("\\_SB");
        processors(aml, config.apicIds().size());
        if (config.pciHost() != null) {
            rootBridge(aml, config);
            reservedEcam(aml, config.pciHost());
        }
        boolean hotplug = config.pciHost() != null && config.pciHotplug() != null;
        if (hotplug) {
            HotplugAml.reservedPorts(aml, config.pciHotplug());
        }
        legacyDevices(aml, config);
        List<VirtioMmio> devices = config.virtioMmio();
        for (int i = 0; i < devices.size(); i++) {
            virtioMmio(aml, i, devices.get(i));
        }
        aml.end();
        if (hotplug) {
            HotplugAml.event(aml, config.pciHotplug());
        }
        return Table.finish(Table.begin("DSDT", REVISION).putBytes(aml.toByteArray()));
    }

    /** What to write as SLP_TYP to PM1a and PM1b control; the rest is reserved (§7.4.2). */
    private static void softOff(AmlWriter aml, int type) {
        aml.name("\\_S5").packageOf(4).integer(type).integer(type).integer(0).integer(0).end();
    }

    private static void processors(AmlWriter aml, int count) {
        aml.device("CPUS")
                .name("_HID").string("ACPI0010")
                .name("_CID").eisaId("PNP0A05");
        for (int uid = 0; uid < count; uid++) {
            aml.device(numbered('C', uid))
                    .name("_HID").string("ACPI0007")
                    .name("_UID").integer(uid)
                    .end();
        }
        aml.end();
    }

    private static void rootBridge(AmlWriter aml, AcpiConfig config) {
        PciHost host = config.pciHost();
        aml.device("PCI0")
                .name("_HID").eisaId("PNP0A08")
                .name("_CID").eisaId("PNP0A03")
                .name("_UID").integer(0)
                .name("_SEG").integer(0)
                .name("_BBN").integer(0)
                .name("_CRS").resources(windows(host));
        interruptRouting(aml, host.intxBaseGsi());
        operatingSystemCapabilities(aml);
        if (config.pciHotplug() != null) {
            HotplugAml.slots(aml, config.pciHotplug());
        }
        aml.end();
    }

    private static ResourceTemplate windows(PciHost host) {
        ResourceTemplate windows = new ResourceTemplate()
                .busNumbers(0, host.buses() - 1)
                .io(PCI_CONFIG_PORT, 8)
                .ioRange(0, PCI_CONFIG_PORT - 1)
                .ioRange(PCI_CONFIG_PORT + 8, 0xFFFF)
                .cacheableRange32(0xA_0000, 0xB_FFFF);              // legacy video, decoded by a display adapter
        for (MemoryWindow window : host.memoryWindows()) {
            if (window.last() >>> 32 == 0) {
                windows.memoryRange32(window.gpa(), window.last());
            } else {
                windows.memoryRange64(window.gpa(), window.last());
            }
        }
        return windows;
    }

    /** Slot (any function), pin, no link device, GSI (§6.2.13): the pins of neighbouring slots are spread over eight. */
    private static void interruptRouting(AmlWriter aml, int baseGsi) {
        aml.name("_PRT").packageOf(PCI_SLOTS * PCI_PINS);
        for (int slot = 0; slot < PCI_SLOTS; slot++) {
            for (int pin = 0; pin < PCI_PINS; pin++) {
                aml.packageOf(4)
                        .integer((long) slot << 16 | 0xFFFF)
                        .integer(pin)
                        .integer(0)
                        .integer(baseGsi + (slot + pin & 7))
                        .end();
            }
        }
        aml.end();
    }

    /**
     * _OSC(uuid, revision, count, capabilities): returns the capabilities with what is not granted taken out of the
     * third word, and in the first one whether that was so (§6.2.11).
     */
    private static void operatingSystemCapabilities(AmlWriter aml) {
        aml.serializedMethod("_OSC", 4)
                .createDWordField().arg(3).integer(0).path("CDW1")
                .when().equal().arg(0).uuid(OSC_UUID)
                .createDWordField().arg(3).integer(8).path("CDW3")
                .and().path("CDW3").integer(OSC_GRANTED).local(0)
                .when().notEqual().arg(1).integer(1)
                .or().path("CDW1").integer(OSC_UNRECOGNIZED_REVISION).path("CDW1")
                .end()
                .when().notEqual().path("CDW3").local(0)
                .or().path("CDW1").integer(OSC_CAPABILITIES_MASKED).path("CDW1")
                .end()
                .store().local(0).path("CDW3")
                .end()
                .otherwise()
                .or().path("CDW1").integer(OSC_UNRECOGNIZED_UUID).path("CDW1")
                .end()
                .returns().arg(3)
                .end();
    }

    /** Guests trust an ECAM only where a motherboard device reserves it (PCI Firmware 3.2 §4.1.2). */
    private static void reservedEcam(AmlWriter aml, PciHost host) {
        aml.device("MRES")
                .name("_HID").eisaId("PNP0C02")
                .name("_CRS").resources(new ResourceTemplate().memory32Fixed(host.ecamGpa(), host.ecamBytes()))
                .end();
    }

    private static void legacyDevices(AmlWriter aml, AcpiConfig config) {
        if (config.serial()) {
            aml.device("COM1")
                    .name("_HID").eisaId("PNP0501")
                    .name("_UID").integer(1)
                    .name("_CRS").resources(new ResourceTemplate().io(0x3F8, 8).irq(4))
                    .end();
        }
        if (config.i8042()) {
            aml.device("KBD")
                    .name("_HID").eisaId("PNP0303")
                    .name("_CRS").resources(new ResourceTemplate().io(0x60, 1).io(0x64, 1).irq(1))
                    .end();
            aml.device("MOU")
                    .name("_HID").eisaId("PNP0F13")
                    .name("_CRS").resources(new ResourceTemplate().irq(12))
                    .end();
        }
        if (config.rtc()) {
            aml.device("RTC")
                    .name("_HID").eisaId("PNP0B00")
                    .name("_CRS").resources(new ResourceTemplate().io(0x70, 2).irq(8))
                    .end();
        }
    }

    private static void virtioMmio(AmlWriter aml, int index, VirtioMmio device) {
        ResourceTemplate resources = new ResourceTemplate()
                .memory32Fixed(device.gpa(), device.byteSize())
                .interrupt(device.gsi(), device.edge());
        aml.device(numbered('V', index))
                .name("_HID").string("LNRO0005")
                .name("_UID").integer(index)
                .name("_CCA").integer(1)
                .name("_CRS").resources(resources)
                .end();
    }

    /** A name of a letter and three hexadecimal digits. */
    static String numbered(char letter, int index) {
        char[] name = {letter, hexDigit(index >> 8), hexDigit(index >> 4), hexDigit(index)};
        return new String(name);
    }

    /** The digit of the low four bits. */
    static char hexDigit(int value) {
        return HEX.charAt(value & 0xF);
    }
}
