// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import dev.miraflores.kvm.acpi.AcpiConfig.FixedHardware;

/**
 * Fixed ACPI Description Table, revision 6.3 (ACPI 6.3 §5.2.9): where the fixed hardware is. The machine is always in
 * ACPI mode (no SMI command port) and its power button is the fixed one, bit 8 of PM1a status.
 */
final class Fadt {
    private static final int BYTES = 276;
    private static final int REVISION = 6;
    private static final int MINOR_REVISION = 3;

    private static final int FLAG_WBINVD = 1;
    private static final int FLAG_PROC_C1 = 1 << 2;
    private static final int FLAG_NO_FIXED_SLEEP_BUTTON = 1 << 5;
    private static final int FLAG_NO_FIXED_RTC_WAKE = 1 << 6;
    private static final int FLAG_RESET_REG_SUPPORTED = 1 << 10;
    private static final int FLAG_FORCE_APIC_CLUSTER_MODEL = 1 << 18;

    private static final int BOOT_LEGACY_DEVICES = 1;
    private static final int BOOT_8042 = 1 << 1;
    private static final int BOOT_NO_VGA = 1 << 2;
    private static final int BOOT_NO_ASPM = 1 << 4;
    private static final int BOOT_NO_CMOS_RTC = 1 << 5;

    private static final int SPACE_SYSTEM_IO = 1;
    private static final int PROFILE_UNSPECIFIED = 0;
    /** C2 takes more than 100 µs and C3 more than 1000 µs: both absent (§5.2.9, P_LVL2_LAT, P_LVL3_LAT). */
    private static final int NO_C_STATE_LATENCY = 0xFFF;
    /** Where PC firmware has kept the century since the PS/2. */
    private static final int CMOS_CENTURY = 0x32;
    /** Flat logical addressing names no more than eight local APICs. */
    private static final int FLAT_LOGICAL_CPUS = 8;

    private Fadt() {
    }

    static byte[] build(AcpiConfig config, long facsGpa, long dsdtGpa) {
        FixedHardware hw = config.fixedHardware();
        ByteSink t = Table.begin("FACP", REVISION);
        t.put32((int) facsGpa).put32((int) dsdtGpa);
        t.put8(0).put8(PROFILE_UNSPECIFIED).put16(hw.sciGsi());
        t.put32(0).put8(0).put8(0).put8(0).put8(0);                 // SMI_CMD, ACPI_ENABLE, ACPI_DISABLE, S4BIOS, PSTATE
        t.put32(hw.pm1EventPort()).put32(0);                        // PM1a, PM1b event
        t.put32(hw.pm1ControlPort()).put32(0).put32(0);             // PM1a, PM1b control, PM2 control
        t.put32(hw.pmTimerPort()).put32(hw.gpe0Port()).put32(0);    // GPE1
        t.put8(4).put8(2).put8(0).put8(4);                          // lengths: PM1 event, PM1 control, PM2, PM timer
        t.put8(hw.gpe0Bytes()).put8(0).put8(0).put8(0);             // lengths: GPE0, GPE1; GPE1 base; CST_CNT
        t.put16(NO_C_STATE_LATENCY).put16(NO_C_STATE_LATENCY);
        t.putZeros(2 + 2 + 1 + 1);                                  // FLUSH_SIZE, FLUSH_STRIDE, DUTY_OFFSET, DUTY_WIDTH
        t.put8(0).put8(0).put8(config.rtc() ? CMOS_CENTURY : 0);    // DAY_ALRM, MON_ALRM, CENTURY
        t.put16(bootFlags(config)).put8(0).put32(flags(config));
        gas(t, hw.resetPort(), 8, 1).put8(hw.resetValue());
        t.put16(0).put8(MINOR_REVISION);                            // ARM boot flags
        t.put64(0).put64(dsdtGpa);                                  // X_FIRMWARE_CTRL: unused when FIRMWARE_CTRL is set
        gas(t, hw.pm1EventPort(), 32, 2);
        t.putZeros(12);
        gas(t, hw.pm1ControlPort(), 16, 2);
        t.putZeros(12 + 12);
        gas(t, hw.pmTimerPort(), 32, 3);
        gas(t, hw.gpe0Port(), hw.gpe0Bytes() * 8, 1);
        t.putZeros(12 + 12 + 12 + 8);                               // GPE1, sleep control and status, hypervisor id
        if (t.size() != BYTES) {
            throw new AssertionError("FADT of " + t.size() + " bytes");
        }
        return Table.finish(t);
    }

    /** Generic Address Structure in I/O space; access size 1 byte, 2 word, 3 dword (§5.2.3.2). */
    private static ByteSink gas(ByteSink t, int port, int bits, int accessSize) {
        return t.put8(SPACE_SYSTEM_IO).put8(bits).put8(0).put8(accessSize).put64(port);
    }

    private static int bootFlags(AcpiConfig config) {
        return BOOT_NO_VGA | BOOT_NO_ASPM
                | (config.serial() ? BOOT_LEGACY_DEVICES : 0)
                | (config.i8042() ? BOOT_8042 : 0)
                | (config.rtc() ? 0 : BOOT_NO_CMOS_RTC);
    }

    private static int flags(AcpiConfig config) {
        return FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_FIXED_SLEEP_BUTTON | FLAG_NO_FIXED_RTC_WAKE
                | FLAG_RESET_REG_SUPPORTED
                | (config.apicIds().size() > FLAT_LOGICAL_CPUS ? FLAG_FORCE_APIC_CLUSTER_MODEL : 0);
    }
}
