// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.util.ArrayList;
import java.util.List;

/**
 * What the guest is told about its physical addresses (the "e820 map"; ACPI 6.3 §15): RAM, and what is reserved. All
 * else is free for devices. Immutable.
 * <pre>
 *   0x0           RAM
 *   0x9FC00       reserved: EBDA
 *   0xA0000       nothing: video
 *   0xE0000       reserved: BIOS area, where the ACPI tables are
 *   0x100000      RAM
 *   0xE0000000    reserved: PCI configuration space (ECAM)
 *   0xFFFBC000    reserved: KVM's own pages and the reset vector
 *   0x100000000   RAM, if there is more than 3 GiB </pre>
 */
public final class MemoryMap {
    /** RAM a guest may use as it likes. */
    public static final int RAM = 1;
    /** Not to be used. */
    public static final int RESERVED = 2;
    /** ACPI tables, usable once they have been read. */
    public static final int ACPI = 3;
    /** To be kept across sleep states. */
    public static final int ACPI_NVS = 4;

    /**
     * A range of one type.
     *
     * @param gpa its first byte
     * @param byteSize its length
     * @param type one of this class's constants
     */
    public record Entry(long gpa, long byteSize, int type) {
        long end() {
            return gpa + byteSize;
        }
    }

    private static final List<Entry> STANDARD = List.of(
            new Entry(LowMemory.EBDA_GPA, 0xA_0000 - LowMemory.EBDA_GPA, RESERVED),
            new Entry(LowMemory.BIOS_GPA, LowMemory.HIGH_GPA - LowMemory.BIOS_GPA, RESERVED),
            new Entry(0xE000_0000L, 0x1000_0000L, RESERVED),
            new Entry(0xFFFB_C000L, 0x4_4000L, RESERVED));
    /** Memory is behind it, but a PC has video there. */
    private static final Entry VIDEO = new Entry(0xA_0000, LowMemory.BIOS_GPA - 0xA_0000, 0);

    private final Entry[] entries;

    private MemoryMap(Entry[] entries) {
        this.entries = entries;
    }

    /** The map above, for this memory. */
    public static MemoryMap of(GuestMemory memory) {
        return of(memory, STANDARD);
    }

    /** RAM is what the memory's regions hold without the video hole and without {@code reserved}, which is added. */
    public static MemoryMap of(GuestMemory memory, List<Entry> reserved) {
        List<Entry> map = new ArrayList<>();
        for (GuestMemoryRegion region : memory.regions()) {
            map.add(new Entry(region.gpa(), region.byteSize(), RAM));
        }
        cut(map, VIDEO);
        for (Entry entry : reserved) {
            cut(map, entry);
        }
        map.addAll(reserved);
        Entry[] sorted = map.toArray(new Entry[0]);
        sort(sorted);
        return new MemoryMap(sorted);
    }

    /** The entries by ascending address. None overlap, unless the reserved ones given did. */
    public List<Entry> entries() {
        return List.of(entries);
    }

    /** Bytes of RAM. */
    long ramBytes() {
        long sum = 0;
        for (Entry entry : entries) {
            sum += entry.type == RAM ? entry.byteSize : 0;
        }
        return sum;
    }

    int size() {
        return entries.length;
    }

    Entry get(int index) {
        return entries[index];
    }

    /** The RAM entry that holds this address, or null. */
    Entry ramAt(long gpa) {
        for (Entry entry : entries) {
            if (entry.type == RAM && gpa >= entry.gpa && gpa < entry.end()) {
                return entry;
            }
        }
        return null;
    }

    /** Takes a range out of the entries there are. */
    private static void cut(List<Entry> map, Entry hole) {
        for (int i = map.size() - 1; i >= 0; i--) {
            Entry entry = map.get(i);
            if (hole.gpa >= entry.end() || entry.gpa >= hole.end()) {
                continue;
            }
            map.remove(i);
            if (hole.end() < entry.end()) {
                map.add(i, new Entry(hole.end(), entry.end() - hole.end(), entry.type));
            }
            if (entry.gpa < hole.gpa) {
                map.add(i, new Entry(entry.gpa, hole.gpa - entry.gpa, entry.type));
            }
        }
    }

    /** By insertion: a handful of entries, and no comparator to link at start. */
    private static void sort(Entry[] entries) {
        for (int i = 1; i < entries.length; i++) {
            Entry entry = entries[i];
            int j = i;
            for (; j > 0 && entries[j - 1].gpa > entry.gpa; j--) {
                entries[j] = entries[j - 1];
            }
            entries[j] = entry;
        }
    }
}
