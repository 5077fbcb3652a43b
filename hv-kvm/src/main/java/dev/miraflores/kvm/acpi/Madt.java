// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import java.util.List;

/**
 * Multiple APIC Description Table (ACPI 6.3 §5.2.12): the processors and the way interrupts take. One IOAPIC with the
 * ISA interrupts at its first 16 inputs, except that the timer's IRQ 0 arrives at input 2, as on every PC.
 */
final class Madt {
    private static final int REVISION = 5;
    private static final int LOCAL_APIC_GPA = 0xFEE0_0000;
    private static final int IO_APIC_GPA = 0xFEC0_0000;
    private static final int FLAG_DUAL_8259 = 1;

    private static final int TYPE_LOCAL_APIC = 0;
    private static final int TYPE_IO_APIC = 1;
    private static final int TYPE_SOURCE_OVERRIDE = 2;
    private static final int TYPE_LOCAL_APIC_NMI = 4;
    private static final int TYPE_LOCAL_X2APIC = 9;
    private static final int TYPE_LOCAL_X2APIC_NMI = 0x0A;

    private static final int ENABLED = 1;
    private static final int TIMER_IRQ = 0;
    private static final int TIMER_GSI = 2;
    /** Polarity 01 (active high) in bits 1:0, trigger 11 (level) in bits 3:2 (table 5-49). */
    private static final int LEVEL_ACTIVE_HIGH = 0xD;
    /** The largest id of eight bits that is a processor's; 0xFF is "all of them". */
    private static final int MAX_XAPIC_ID = 254;
    private static final int NMI_LINT = 1;

    private Madt() {
    }

    static byte[] build(AcpiConfig config) {
        ByteSink t = Table.begin("APIC", REVISION);
        t.put32(LOCAL_APIC_GPA).put32(FLAG_DUAL_8259);
        List<Integer> apicIds = config.apicIds();
        boolean x2apic = false;
        for (int uid = 0; uid < apicIds.size(); uid++) {
            int apicId = apicIds.get(uid);
            if (apicId <= MAX_XAPIC_ID) {
                t.put8(TYPE_LOCAL_APIC).put8(8).put8(uid).put8(apicId).put32(ENABLED);
            } else {
                x2apic = true;
                t.put8(TYPE_LOCAL_X2APIC).put8(16).put16(0).put32(apicId).put32(ENABLED).put32(uid);
            }
        }
        t.put8(TYPE_IO_APIC).put8(12).put8(0).put8(0).put32(IO_APIC_GPA).put32(0);
        sourceOverride(t, TIMER_IRQ, TIMER_GSI, 0);
        sourceOverride(t, config.fixedHardware().sciGsi(), config.fixedHardware().sciGsi(), LEVEL_ACTIVE_HIGH);
        t.put8(TYPE_LOCAL_APIC_NMI).put8(6).put8(0xFF).put16(0).put8(NMI_LINT);
        if (x2apic) {
            t.put8(TYPE_LOCAL_X2APIC_NMI).put8(12).put16(0).put32(-1).put8(NMI_LINT).putZeros(3);
        }
        return Table.finish(t);
    }

    private static void sourceOverride(ByteSink t, int irq, int gsi, int flags) {
        t.put8(TYPE_SOURCE_OVERRIDE).put8(10).put8(0).put8(irq).put32(gsi).put16(flags);
    }
}
