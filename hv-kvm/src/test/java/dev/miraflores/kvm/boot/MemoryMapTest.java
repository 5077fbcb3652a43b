// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.GuestMemory;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class MemoryMapTest {
    private static final long GIB = 1L << 30;

    @Test
    void shouldSplitRamAroundTheHoleBelow4GiB() {
        try (GuestMemory memory = GuestMemory.anonymous(5 * GIB)) {
            List<MemoryMap.Entry> entries = MemoryMap.of(memory).entries();

            assertEquals(7, entries.size());
            assertEquals(new MemoryMap.Entry(0x10_0000, 3 * GIB - 0x10_0000, MemoryMap.RAM), entries.get(3));
            assertEquals(new MemoryMap.Entry(4 * GIB, 2 * GIB, MemoryMap.RAM), entries.get(6));
        }
    }

    @Test
    void shouldTakeReservedRangesOutOfRam() {
        try (GuestMemory memory = GuestMemory.anonymous(4 << 20)) {
            MemoryMap.Entry nvs = new MemoryMap.Entry(0x20_0000, 0x1000, MemoryMap.ACPI_NVS);

            assertEquals(List.of(
                    new MemoryMap.Entry(0, 0xA_0000, MemoryMap.RAM),
                    new MemoryMap.Entry(0xE_0000, 0x12_0000, MemoryMap.RAM),
                    nvs,
                    new MemoryMap.Entry(0x20_1000, 0x1F_F000, MemoryMap.RAM)),
                    MemoryMap.of(memory, List.of(nvs)).entries());
        }
    }

    @Property(tries = 50)
    void shouldAscendWithoutOverlapAndNeverCallDeviceSpaceRam(@ForAll @IntRange(min = 1, max = 4096) int mebibytes) {
        try (GuestMemory memory = GuestMemory.anonymous((long) mebibytes << 20)) {
            MemoryMap map = MemoryMap.of(memory);
            long end = 0;
            for (MemoryMap.Entry entry : map.entries()) {
                assertTrue(entry.gpa() >= end && entry.byteSize() > 0, entry.toString());
                end = entry.end();
                if (entry.type() == MemoryMap.RAM) {
                    assertTrue(memory.find(entry.gpa(), entry.byteSize()) != null, entry.toString());
                    assertTrue(entry.end() <= 0xC000_0000L || entry.gpa() >= 4 * GIB, entry.toString());
                }
            }
        }
    }
}
