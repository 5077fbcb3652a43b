// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ThrottleOptionsTest {

    @Test
    void shouldReadEveryKey() {
        long value = 100;
        for (ThrottleKind kind : ThrottleKind.values()) {
            value++;
            String key = "throttling." + kind.word();
            ThrottleOptions options = parse(key + "=" + value, key + "-max=" + 2 * value, key + "-max-length=7", "id=x");
            assertEquals(ThrottleConfig.UNLIMITED.with(kind, new ThrottleLimit(value, 2 * value, 7)), options.config());
            assertEquals("disk0", options.group());
        }
        ThrottleOptions options = parse("throttling.iops-size=4096", "throttling.iops-read=9", "throttling.group=g");
        assertEquals(
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_READ, ThrottleLimit.of(9)).withIopsSize(4096), options.config());
        assertEquals("g", options.group());
    }

    @Test
    void shouldNeedNoThrottleWithoutLimits() {
        assertNull(parse("file=x", "id=y"));
        assertNull(parse("throttling.iops-total=0", "throttling.group=g"));
        assertTrue(ThrottleOptions.isKey("throttling.anything"));
        assertFalse(ThrottleOptions.isKey("throttle"));
    }

    /** QEMU's rules, in its words. */
    @Test
    void shouldRefuseWhatDoesNotGoTogether() {
        assertRefused("throttling: bps/iops/max total values and read/write values cannot be used at the same time",
            "throttling.iops-total=1", "throttling.iops-read=1");
        assertRefused("throttling: bps/iops/max total values and read/write values cannot be used at the same time",
            "throttling.bps-write=1", "throttling.bps-total=1");
        assertRefused("throttling: iops size requires an iops value to be set",
            "throttling.bps-write=1", "throttling.iops-size=512");
        assertRefused("throttling.bps-read: bps/iops/max values must be within [0, 1000000000000000]",
            "throttling.bps-read=1000000000000001");
        assertRefused("throttling.iops-read: the burst length cannot be 0",
            "throttling.iops-read=5", "throttling.iops-read-max=5", "throttling.iops-read-max-length=0");
        assertRefused("throttling.iops-read: burst length set without burst rate",
            "throttling.iops-read=5", "throttling.iops-read-max-length=2");
        assertRefused("throttling.iops-read: burst length too high for this burst rate",
            "throttling.iops-read=5", "throttling.iops-read-max=1000000000000", "throttling.iops-read-max-length=1001");
        assertRefused("throttling.iops-write: bps_max/iops_max require corresponding bps/iops values",
            "throttling.iops-write-max=5");
        assertRefused("throttling.bps-total: bps_max/iops_max cannot be lower than bps/iops",
            "throttling.bps-total=5", "throttling.bps-total-max=4");
        assertEquals(1, parse("throttling.iops-total=1", "throttling.bps-read=1").config().bpsRead().rate());
    }

    @Test
    void shouldRefuseWhatItDoesNotKnow() {
        assertTrue(refusal("throttling.iops=1").startsWith("drive disk0: no key throttling.iops; there are throttling.iops-total"));
        assertTrue(refusal("throttling.iops-total-min=1").startsWith("drive disk0: no key throttling.iops-total-min;"));
        assertRefused("throttling.bps-read=10M is not a whole number of 0 or more", "throttling.bps-read=10M");
        assertRefused("throttling.bps-read=-1 is not a whole number of 0 or more", "throttling.bps-read=-1");
        assertRefused("throttling.iops-size= is not a whole number of 0 or more", "throttling.iops-size=");
        assertRefused("throttling.group=: a group has a name", "throttling.group=", "throttling.iops-read=1");
        assertRefused("throttling.group=g: its limits are to be said here as well, as in throttling.iops-total=N",
            "throttling.group=g");
    }

    /** As QEMU has it: limits belong to the group, and the last who sets them wins. */
    @Test
    void shouldHaveGroupsAsLongAsDisksAreInThem() {
        ThrottleGroups groups = new ThrottleGroups();
        ThrottleConfig slow = ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(10));
        ThrottleConfig fast = ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(1000));
        ThrottleStage first = groups.open("g", slow);
        ThrottleStage second = groups.open("g", fast);
        ThrottleStage other = groups.open("h", slow);
        assertSame(first.group(), second.group());
        assertNotSame(first.group(), other.group());
        assertEquals(2, first.group().size());
        assertEquals(fast, first.group().config());
        first.close();
        first.close();
        assertSame(second.group(), groups.group("g"));
        second.close();
        assertNull(groups.group("g"));
        assertEquals(slow, groups.open("g", slow).group().config());
    }

    private static ThrottleOptions parse(String... options) {
        Map<String, String> drive = new LinkedHashMap<>();
        for (String option : options) {
            int equals = option.indexOf('=');
            drive.put(option.substring(0, equals), option.substring(equals + 1));
        }
        return ThrottleOptions.parse("disk0", drive);
    }

    private static String refusal(String... options) {
        return assertThrows(DriveException.class, () -> parse(options)).getMessage();
    }

    private static void assertRefused(String why, String... options) {
        assertEquals("drive disk0: " + why, refusal(options));
    }
}
