// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.RecordedLine;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AcpiPmTest {

    private static final int PWRBTN = 1 << 8;
    private static final int SLP_EN = 1 << 13;
    private static final int S5 = 5 << 10;
    private static final long SECOND = 1_000_000_000L;

    private final RecordedLine sci = new RecordedLine();
    private final RecordedPower power = new RecordedPower();
    private final AtomicLong now = new AtomicLong(1234);
    private final AcpiPm pm = new AcpiPm(sci, power, true, now::get);

    @AfterEach
    void close() {
        pm.close();
    }

    /** acpi_hw_get_mode(): with no SMI command, a kernel expects to find itself in ACPI mode. */
    @Test
    void shouldAlwaysSayAcpiMode() {
        assertEquals(1, pm.read(AcpiPm.PM1_CONTROL, 2) & 1);
        pm.write(AcpiPm.PM1_CONTROL, 2, 0);
        assertEquals(1, pm.read(AcpiPm.PM1_CONTROL, 2) & 1);
    }

    /** acpi_hw_legacy_sleep(): the type first, then the type with SLP_EN. */
    @Test
    void shouldPowerOffWhenS5IsEntered() {
        pm.write(AcpiPm.PM1_CONTROL, 2, S5 | 1);
        assertEquals(0, power.powerOffs);
        pm.write(AcpiPm.PM1_CONTROL, 2, S5 | SLP_EN | 1);
        assertEquals(1, power.powerOffs);
        assertEquals(0, pm.read(AcpiPm.PM1_CONTROL, 2) & SLP_EN, "SLP_EN is write only");
    }

    @Test
    void shouldPowerOffWhenSlpEnIsWrittenAsAByte() {
        pm.write(AcpiPm.PM1_CONTROL + 1, 1, (S5 | SLP_EN) >> 8);
        assertEquals(1, power.powerOffs);
    }

    @Test
    void shouldStayOnWhenAnotherSleepStateIsAskedFor() {
        for (int type = 0; type < 8; type++) {
            if (type != AcpiPm.SLP_TYP_S5) {
                pm.write(AcpiPm.PM1_CONTROL, 2, type << 10 | SLP_EN);
            }
        }
        assertEquals(0, power.powerOffs);
    }

    @Test
    void shouldInterruptForThePowerButtonUntilItIsAcknowledged() {
        pm.pressPowerButton();
        assertFalse(sci.asserted());
        pm.write(AcpiPm.PM1_ENABLE, 2, PWRBTN);
        assertTrue(sci.asserted());
        assertEquals(PWRBTN, pm.read(AcpiPm.PM1_STATUS, 2) & PWRBTN);
        pm.write(AcpiPm.PM1_STATUS, 2, PWRBTN);
        assertFalse(sci.asserted());
        assertEquals(0, pm.read(AcpiPm.PM1_STATUS, 2) & PWRBTN);
    }

    @Test
    void shouldInterruptForAGeneralPurposeEventUntilItIsAcknowledged() {
        pm.write(AcpiPm.GPE0_ENABLE, 1, 1 << 2);
        pm.raiseGpe(2);
        assertTrue(sci.asserted());
        pm.raiseGpe(31);
        assertEquals(1 << 2, pm.read(AcpiPm.GPE0_STATUS, 1));
        pm.write(AcpiPm.GPE0_STATUS, 1, 1 << 2);
        assertFalse(sci.asserted());
        assertEquals(0x80, pm.read(AcpiPm.GPE0_STATUS + 3, 1));
        assertEquals(0x80000000L, pm.read(AcpiPm.GPE0_STATUS, 4));
    }

    @Test
    void shouldCountAt3579545Hz() {
        assertEquals(0, pm.read(AcpiPm.TIMER, 4));
        now.addAndGet(SECOND);
        assertEquals(3_579_545, pm.read(AcpiPm.TIMER, 4));
        now.addAndGet(100L * 365 * 86_400 * SECOND);
        assertEquals((100L * 365 * 86_400 + 1) * 3_579_545 & 0xFFFF_FFFFL, pm.read(AcpiPm.TIMER, 4));
    }

    @Test
    void shouldWrapAfter24BitsWhenTheTimerIsThatWide() {
        try (AcpiPm narrow = new AcpiPm(sci, power, false, now::get)) {
            now.addAndGet(5 * SECOND);
            assertEquals(5L * 3_579_545 & 0xFF_FFFF, narrow.read(AcpiPm.TIMER, 4));
        }
    }

    @Test
    void shouldSetTimerStatusEachTimeTheHighestBitChanges() {
        try (AcpiPm narrow = new AcpiPm(sci, power, false, now::get)) {
            now.addAndGet(2 * SECOND);
            assertEquals(0, narrow.read(AcpiPm.PM1_STATUS, 2) & 1);
            now.addAndGet(SECOND);               // 2^23 ticks are 2.34 s
            assertEquals(1, narrow.read(AcpiPm.PM1_STATUS, 2) & 1);
            narrow.write(AcpiPm.PM1_STATUS, 2, 1);
            assertEquals(0, narrow.read(AcpiPm.PM1_STATUS, 2) & 1);
        }
    }

    @Test
    void shouldInterruptWhenTheTimerCarriesAndThatIsEnabled() throws InterruptedException {
        AtomicLong base = new AtomicLong(System.nanoTime());
        try (AcpiPm narrow = new AcpiPm(sci, power, false, () -> System.nanoTime() - base.get())) {
            base.addAndGet(-2_300_000_000L);     // 44 ms before the carry
            narrow.write(AcpiPm.PM1_ENABLE, 2, 1);
            assertTrue(sci.awaitAsserted());
            narrow.write(AcpiPm.PM1_STATUS, 2, 1);
            assertFalse(sci.asserted());
        }
    }
}
