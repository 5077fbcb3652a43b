// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * An address space of registers: which device answers at which address. One for ports, one for memory.
 * <p>The ranges are kept sorted in arrays that never change once published; mapping and unmapping publish new ones.
 * So a lookup takes no lock and sees the map either before a change or after it.
 * <p>Thread: {@code read} and {@code write}, any vCPU thread; mapping, any thread. A device may still be called for a
 * moment after its range is gone, by a thread that looked it up before.
 */
public final class Bus {

    /** An address that no device answers reads as ones, as a bus nobody drives does. */
    private static final long UNCLAIMED = -1L;

    private volatile Ranges ranges = new Ranges(List.of());

    /** An empty bus. */
    public Bus() {
    }

    /**
     * Lets {@code device} answer at {@code byteSize} addresses from {@code start} on.
     *
     * @throws IllegalArgumentException if the range is empty, wraps, or overlaps another
     */
    public Mapping map(long start, long byteSize, BusDevice device) {
        Mapping mapping = tryMap(start, byteSize, device);
        if (mapping == null) {
            throw new IllegalArgumentException("the range 0x" + Long.toHexString(start) + "+0x"
                    + Long.toHexString(byteSize) + " is empty, wraps or overlaps another");
        }
        return mapping;
    }

    /** As {@link #map}, but where the range cannot be had it changes nothing and returns {@code null}. */
    public synchronized Mapping tryMap(long start, long byteSize, BusDevice device) {
        if (start < 0 || byteSize <= 0 || start > Long.MAX_VALUE - byteSize) {
            return null;
        }
        List<Mapping> mappings = new ArrayList<>(ranges.mappings);
        int place = 0;
        for (Mapping other : mappings) {
            if (start < other.end() && other.start < start + byteSize) {
                return null;
            }
            if (other.start < start) {
                place++;
            }
        }
        Mapping mapping = new Mapping(this, start, byteSize, device);
        mappings.add(place, mapping);
        ranges = new Ranges(mappings);
        return mapping;
    }

    private synchronized void unmap(Mapping mapping) {
        List<Mapping> mappings = new ArrayList<>(ranges.mappings);
        if (mappings.remove(mapping)) {
            ranges = new Ranges(mappings);
        }
    }

    /** Reads {@code byteSize} (1, 2, 4 or 8) bytes at {@code address}; never throws for anything a guest can do. */
    public long read(long address, int byteSize) {
        Ranges now = ranges;
        int index = now.indexOf(address);
        if (index < 0) {
            return UNCLAIMED >>> (64 - 8 * byteSize);
        }
        return now.devices[index].read(address - now.starts[index], byteSize);
    }

    /** Writes the low {@code byteSize} (1, 2, 4 or 8) bytes of {@code value}; never throws for what a guest can do. */
    public void write(long address, int byteSize, long value) {
        Ranges now = ranges;
        int index = now.indexOf(address);
        if (index >= 0) {
            now.devices[index].write(address - now.starts[index], byteSize, value);
        }
    }

    /** A range and the device that answers in it. Closing it twice does nothing. */
    public static final class Mapping implements AutoCloseable {

        private final Bus bus;
        private final long start;
        private final long byteSize;
        private final BusDevice device;

        private Mapping(Bus bus, long start, long byteSize, BusDevice device) {
            this.bus = bus;
            this.start = start;
            this.byteSize = byteSize;
            this.device = device;
        }

        /** The first address of the range. */
        public long start() {
            return start;
        }

        private long end() {
            return start + byteSize;
        }

        @Override
        public void close() {
            bus.unmap(this);
        }
    }

    /** One state of the map: element i of each array is range i, by ascending start. */
    private static final class Ranges {

        final List<Mapping> mappings;
        final long[] starts;
        final long[] lasts;
        final BusDevice[] devices;

        Ranges(List<Mapping> mappings) {
            this.mappings = mappings;
            int count = mappings.size();
            starts = new long[count];
            lasts = new long[count];
            devices = new BusDevice[count];
            for (int i = 0; i < count; i++) {
                Mapping mapping = mappings.get(i);
                starts[i] = mapping.start;
                lasts[i] = mapping.end() - 1;
                devices[i] = mapping.device;
            }
        }

        int indexOf(long address) {
            int found = Arrays.binarySearch(starts, address);
            int index = found >= 0 ? found : -found - 2;
            return index >= 0 && address <= lasts[index] ? index : -1;
        }
    }
}
