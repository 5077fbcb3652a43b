// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.boot.BootException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class AcpiTablesTest {
    private static final int LOCAL_APIC = 0;
    private static final int IO_APIC = 1;
    private static final int SOURCE_OVERRIDE = 2;
    private static final int LOCAL_X2APIC = 9;

    @Test
    void shouldLeadFromTheRsdpToEveryTable() {
        TableReader tables = new TableReader(AcpiTables.build(AcpiConfig.builder(2).build()));

        assertEquals(Set.of("FACP", "APIC", "MCFG", "DSDT", "FACS"), tables.all().keySet());
    }

    @Property(tries = 50)
    void shouldKeepSumsAndPointersRightForAnyNumberOfVcpus(@ForAll @IntRange(min = 1, max = 1024) int vcpus) {
        TableReader tables = new TableReader(AcpiTables.build(AcpiConfig.builder(vcpus).build()));

        assertEquals(vcpus, entries(tables, LOCAL_APIC).size() + entries(tables, LOCAL_X2APIC).size());
    }

    /** ACPI 6.3 §5.2.12.12: ids of 255 and above need the x2APIC structure, since 0xFF means all. */
    @Test
    void shouldDescribeHighApicIdsAsX2Apic() {
        TableReader tables = new TableReader(AcpiTables.build(AcpiConfig.builder(3).apicIds(List.of(0, 254, 255)).build()));

        List<ByteBuffer> low = entries(tables, LOCAL_APIC);
        List<ByteBuffer> high = entries(tables, LOCAL_X2APIC);
        assertEquals(2, low.size());
        assertEquals(254, low.get(1).get(3) & 0xFF);
        assertEquals(1, high.size());
        assertEquals(255, high.get(0).getInt(4));
        assertEquals(2, high.get(0).getInt(12), "processor uid");
    }

    @Test
    void shouldSendTheTimerToInput2AndTheSciAsLevelActiveHigh() {
        TableReader tables = new TableReader(AcpiTables.build(AcpiConfig.builder(1).build()));

        List<ByteBuffer> overrides = entries(tables, SOURCE_OVERRIDE);
        assertEquals(2, overrides.size());
        assertEquals(0, overrides.get(0).get(3));
        assertEquals(2, overrides.get(0).getInt(4));
        assertEquals(9, overrides.get(1).get(3));
        assertEquals(9, overrides.get(1).getInt(4));
        assertEquals(0xD, overrides.get(1).getShort(8));
        assertEquals(0xFEC0_0000, entries(tables, IO_APIC).get(0).getInt(4));
    }

    @Test
    void shouldSayWhereTheFixedHardwareIs() {
        ByteBuffer fadt = new TableReader(AcpiTables.build(AcpiConfig.builder(1).build())).get("FACP");

        assertEquals(9, fadt.getShort(46), "SCI");
        assertEquals(0, fadt.getInt(48), "SMI command port: none, ACPI mode only");
        assertEquals(0x600, fadt.getInt(56), "PM1a event");
        assertEquals(0x604, fadt.getInt(64), "PM1a control");
        assertEquals(0x608, fadt.getInt(76), "PM timer");
        assertEquals(0x620, fadt.getInt(80), "GPE0");
        assertEquals(8, fadt.get(92), "GPE0 bytes");
        assertEquals(1, fadt.getInt(112) >>> 10 & 1, "reset register supported");
        assertEquals(0, fadt.getInt(112) >>> 4 & 1, "the power button is the fixed one");
        assertEquals(0, fadt.getInt(112) >>> 20 & 1, "not hardware-reduced");
        assertEquals(0xCF9, fadt.getLong(120), "reset register");
        assertEquals(6, fadt.get(128), "reset value");
        assertEquals(0x600, fadt.getLong(152), "X_PM1a event");
        assertEquals(0x604, fadt.getLong(176), "X_PM1a control");
        assertEquals(0x608, fadt.getLong(212), "X_PM timer");
        assertEquals(0x620, fadt.getLong(224), "X_GPE0");
    }

    /** IAPC_BOOT_ARCH bit 1: a guest probes for the 8042 only where it is set. */
    @Test
    void shouldMentionOnlyLegacyDevicesThatExist() {
        AcpiConfig all = AcpiConfig.builder(1).build();
        AcpiConfig none = AcpiConfig.builder(1).serial(false).i8042(false).rtc(false).build();
        TableReader with = new TableReader(AcpiTables.build(all));
        TableReader without = new TableReader(AcpiTables.build(none));

        assertEquals(0b0_0011, with.get("FACP").getShort(109) & 0b10_0011);
        assertEquals(0b10_0000, without.get("FACP").getShort(109) & 0b10_0011);
        for (String name : List.of("COM1", "KBD_", "MOU_", "RTC_")) {
            assertTrue(contains(with.get("DSDT"), name), name);
            assertFalse(contains(without.get("DSDT"), name), name);
        }
    }

    @Test
    void shouldLeaveOutPciWhereThereIsNone() {
        TableReader tables = new TableReader(AcpiTables.build(AcpiConfig.builder(1).pciHost(null).build()));

        assertNull(tables.get("MCFG"));
        assertFalse(contains(tables.get("DSDT"), "PCI0"));
    }

    @Test
    void shouldSayWhereConfigurationSpaceIs() {
        ByteBuffer mcfg = new TableReader(AcpiTables.build(AcpiConfig.builder(1).build())).get("MCFG");

        assertEquals(0xE000_0000L, mcfg.getLong(44));
        assertEquals(0, mcfg.get(54));
        assertEquals(255, mcfg.get(55) & 0xFF);
    }

    @Test
    void shouldNameEachVirtioMmioDevice() {
        List<AcpiConfig.VirtioMmio> devices = new ArrayList<>();
        for (int i = 0; i < 17; i++) {
            devices.add(new AcpiConfig.VirtioMmio(0xFEB0_0000L + 0x1000 * i, 0x1000, 5 + i, false));
        }
        ByteBuffer dsdt = new TableReader(AcpiTables.build(AcpiConfig.builder(1).virtioMmio(devices).build())).get("DSDT");

        assertTrue(contains(dsdt, "V000"));
        assertTrue(contains(dsdt, "V010"));
    }

    @Test
    void shouldBeTheSameEachTime() {
        AcpiConfig config = AcpiConfig.builder(4).build();

        assertArrayEquals(AcpiTables.build(config).bytes(), AcpiTables.build(config).bytes());
    }

    @Test
    void shouldRefuseMoreVcpusThanThereIsRoomFor() {
        AcpiConfig config = AcpiConfig.builder(4000).build();

        BootException e = assertThrows(BootException.class, () -> AcpiTables.build(config));
        assertTrue(e.getMessage().startsWith("ACPI tables for 4000 vCPUs need "), e.getMessage());
        assertTrue(e.getMessage().endsWith(" bytes and 131072 are free for them: use fewer vCPUs"), e.getMessage());
    }

    @Test
    void shouldRefuseAConfigurationThatContradictsItself() {
        assertThrows(IllegalArgumentException.class, () -> AcpiConfig.builder(0).build());
        assertThrows(IllegalArgumentException.class, () -> AcpiConfig.builder(2).apicIds(List.of(1, 1)).build());
        assertThrows(IllegalArgumentException.class, () -> new AcpiConfig.MemoryWindow(0xF000_0000L, 0x2000_0000));
        assertThrows(IllegalArgumentException.class, () -> new AcpiConfig.MemoryWindow(0, 0));
        assertThrows(IllegalArgumentException.class, () -> new AcpiConfig.VirtioMmio(1L << 32, 0x1000, 5, false));
        assertThrows(IllegalArgumentException.class,
                () -> AcpiTables.build(AcpiConfig.builder(1).build(), 0xE_0010, 0x1000));
    }

    /** The interrupt controller structures of one type. */
    private static List<ByteBuffer> entries(TableReader tables, int type) {
        ByteBuffer madt = tables.get("APIC");
        List<ByteBuffer> found = new ArrayList<>();
        int at = 44;
        while (at < madt.capacity()) {
            int count = madt.get(at + 1) & 0xFF;
            if (madt.get(at) == type) {
                found.add(madt.slice(at, count).order(madt.order()));
            }
            at += count;
        }
        assertEquals(madt.capacity(), at);
        return found;
    }

    private static boolean contains(ByteBuffer table, String text) {
        return StandardCharsets.ISO_8859_1.decode(table.duplicate()).toString().contains(text);
    }

    @Test
    void shouldNameOnlySlotsThatCanBeFilledAndEmptied() {
        AcpiConfig.PciHotplug hotplug = new AcpiConfig.PciHotplug(0x640, 0x12, 1 << 3 | 1 << 31);
        ByteBuffer dsdt = new TableReader(AcpiTables.build(AcpiConfig.builder(1).pciHotplug(hotplug).build())).get("DSDT");
        ByteBuffer fixed = new TableReader(AcpiTables.build(AcpiConfig.builder(1).build())).get("DSDT");

        for (String name : List.of("S003", "S01F", "_EJ0", "_SUN", "_E12")) {
            assertTrue(contains(dsdt, name), name);
            assertFalse(contains(fixed, name), name);
        }
        assertFalse(contains(dsdt, "S001"));
        assertThrows(IllegalArgumentException.class, () -> new AcpiConfig.PciHotplug(0x640, 1, 1));
    }
}
