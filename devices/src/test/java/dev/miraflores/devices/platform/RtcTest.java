// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.RecordedLine;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RtcTest {

    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;
    private static final long MS = 1_000_000L;
    private static final long SECOND = 1000 * MS;
    private static final int A = 0x0A;
    private static final int B = 0x0B;
    private static final int C = 0x0C;

    private final RecordedLine line = new RecordedLine();
    private final AtomicLong now = new AtomicLong(Instant.parse("2026-07-09T21:58:59Z").getEpochSecond() * SECOND);
    private final Rtc rtc = new Rtc(line, 3 * GIB, GIB, now::get);

    @AfterEach
    void close() {
        rtc.close();
    }

    private int get(int register) {
        rtc.write(0, 1, register);
        return (int) rtc.read(1, 1);
    }

    private void set(int register, int value) {
        rtc.write(0, 1, register);
        rtc.write(1, 1, value);
    }

    private String time() {
        return String.format("%02x%02x-%02x-%02x(%x) %02x:%02x:%02x", get(0x32), get(9), get(8), get(7), get(6), get(4),
                get(2), get(0));
    }

    @Test
    void shouldTellTheHostsTimeInUtcAsBcd() {
        assertEquals("2026-07-09(5) 21:58:59", time());
        now.addAndGet(2 * SECOND);
        assertEquals("2026-07-09(5) 21:59:01", time());
    }

    @Test
    void shouldTellBinaryAndTwelveHoursWhenAsked() {
        set(B, 0x06);
        assertEquals(21, get(4));
        assertEquals(59, get(0));
        set(B, 0x00);
        assertEquals(0x89, get(4), "9 pm");
        set(B, 0x04);
        now.addAndGet(3 * 3600 * SECOND);
        assertEquals(12, get(4), "12 am");
    }

    /** mc146818_set_time(): stop with SET, reset the divider, write the fields, start again. */
    @Test
    void shouldTakeANewTimeAndBeginItsSecondHalfASecondLater() {
        now.addAndGet(123 * MS);
        set(B, 0x82);
        set(A, 0x76);
        set(0x32, 0x19);
        set(9, 0x99);
        set(8, 0x12);
        set(7, 0x31);
        set(4, 0x23);
        set(2, 0x59);
        set(0, 0x59);
        now.addAndGet(5 * SECOND);
        assertEquals("1999-12-31(5) 23:59:59", time(), "it stands still");
        set(B, 0x02);
        set(A, 0x26);
        assertEquals("1999-12-31(6) 23:59:59", time());
        now.addAndGet(499 * MS);
        assertEquals("1999-12-31(6) 23:59:59", time());
        now.addAndGet(2 * MS);
        assertEquals("2000-01-01(7) 00:00:00", time());
    }

    @Test
    void shouldSetTheTimeWhenAFieldIsWrittenWhileItRuns() {
        set(4, 0x05);
        assertEquals("2026-07-09(5) 05:58:59", time());
        now.addAndGet(60 * SECOND);
        assertEquals("2026-07-09(5) 05:59:59", time());
    }

    /** mc146818_avoid_UIP() reads the time only while bit 7 of A is clear. */
    @Test
    void shouldSayThatAnUpdateIsNear() {
        assertEquals(0x26, get(A));
        now.addAndGet(SECOND - 100_000);
        assertEquals(0xA6, get(A));
        now.addAndGet(100_000);
        assertEquals(0x26, get(A));
    }

    @Test
    void shouldSetFlagsOnceWithoutInterruptingWhenNothingIsEnabled() {
        get(C);
        now.addAndGet(SECOND);
        assertEquals(0x50, get(C), "update and periodic");
        assertEquals(0x00, get(C));
        assertFalse(line.asserted());
    }

    @Test
    void shouldFlagTheAlarmWhenItsTimeHasPassed() {
        set(5, 0x22);
        set(3, 0x00);
        set(1, 0x00);
        get(C);
        now.addAndGet(60 * SECOND);
        assertEquals(0x00, get(C) & 0x20);
        now.addAndGet(SECOND);
        assertEquals(0x20, get(C) & 0x20);
    }

    @Test
    void shouldFlagTheAlarmEverySecondWhenAllOfItIsWild() {
        set(5, 0xFF);
        set(3, 0xC0);
        set(1, 0xFF);
        get(C);
        now.addAndGet(SECOND);
        assertEquals(0x20, get(C) & 0x20);
        now.addAndGet(SECOND);
        assertEquals(0x20, get(C) & 0x20);
    }

    @Test
    void shouldSurviveAHostClockThatIsSetBack() {
        get(C);
        now.addAndGet(-3600 * SECOND);
        assertEquals(0, get(C));
        assertEquals("2026-07-09(5) 20:58:59", time());
    }

    /** rtc-cmos: the interrupt comes, C says why, and reading it acknowledges. */
    @Test
    void shouldInterruptForEachPeriodAndWaitForTheAcknowledgement() throws InterruptedException {
        try (Rtc live = new Rtc(line, GIB, 0)) {
            live.write(0, 1, B);
            live.write(1, 1, 0x42);
            for (int i = 0; i < 5; i++) {
                assertTrue(line.awaitAsserted());
                live.write(0, 1, C);
                assertEquals(0xC0, live.read(1, 1) & 0xC0);
            }
            int edges = line.edges();
            live.write(0, 1, B);
            live.write(1, 1, 0x02);
            assertFalse(line.asserted());
            assertTrue(edges >= 5);
        }
    }

    @Test
    void shouldInterruptWhenASecondIsUpdated() throws InterruptedException {
        try (Rtc live = new Rtc(line, GIB, 0)) {
            live.write(0, 1, B);
            live.write(1, 1, 0x12);
            assertTrue(line.awaitAsserted());
            live.write(0, 1, C);
            assertEquals(0x90, live.read(1, 1) & 0x90);
            assertFalse(line.asserted());
        }
    }

    @Test
    void shouldTellHowMuchMemoryThereIs() {
        assertEquals(640, get(0x15) | get(0x16) << 8);
        assertEquals(0xFFFF, get(0x17) | get(0x18) << 8);
        assertEquals((3 * GIB - 16 * MIB) / 65536, get(0x34) | get(0x35) << 8);
        assertEquals(GIB / 65536, get(0x5B) | get(0x5C) << 8 | get(0x5D) << 16);
    }

    @Test
    void shouldKeepTheShutdownStatusAndSayThatItsMemoryIsValid() {
        set(0x0F, 0x0A);
        assertEquals(0x0A, get(0x0F));
        assertEquals(0x80, get(0x0D));
        rtc.write(0, 1, 0x80 | 0x0F);            // NMI masked, the same register
        assertEquals(0x0A, rtc.read(1, 1));
    }

    @Test
    void shouldNeverFindATimeForAnAlarmThatNoDayHas() {
        assertEquals(Long.MAX_VALUE, AlarmTime.next(0, 25, 0, 0));
        assertEquals(86_399, AlarmTime.next(0, 23, 59, 59));
        assertEquals(86_400, AlarmTime.next(86_399, -1, -1, -1));
        assertEquals(2 * 86_400, AlarmTime.next(86_400, 0, 0, 0));
        assertEquals(7 * 60 + 5, AlarmTime.next(6 * 60 + 6, -1, -1, 5));
    }
}
