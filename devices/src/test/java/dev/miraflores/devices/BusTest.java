// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.miraflores.devices.testkit.RecordingDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class BusTest {

    private final Bus bus = new Bus();

    @Test
    void shouldPassOffsetsFromStartOfRange() {
        RecordingDevice device = new RecordingDevice(0x42);
        bus.map(0x1000, 0x10, device);

        assertEquals(0x42, bus.read(0x1000, 1));
        assertEquals(0x42, bus.read(0x100f, 4));
        bus.write(0x1008, 2, 0xabcd);

        assertEquals(List.of("read 0 1", "read 15 4", "write 8 2 43981"), device.takeAccesses());
    }

    @Test
    void shouldReadOnesWhereNobodyAnswers() {
        bus.map(0x1000, 0x10, new RecordingDevice(0));

        assertEquals(0xff, bus.read(0xfff, 1));
        assertEquals(0xffff, bus.read(0x1010, 2));
        assertEquals(0xffff_ffffL, bus.read(0, 4));
        assertEquals(-1L, bus.read(-8, 8));
        bus.write(0x1010, 8, 1);
    }

    @Test
    void shouldRefuseOverlapsAndLeaveMapAsItWas() {
        bus.map(0x1000, 0x10, new RecordingDevice(1));

        assertNull(bus.tryMap(0xff8, 9, new RecordingDevice(2)));
        assertNull(bus.tryMap(0x100f, 1, new RecordingDevice(2)));
        assertNull(bus.tryMap(0, 0x2000, new RecordingDevice(2)));
        IllegalArgumentException refused =
                assertThrows(IllegalArgumentException.class, () -> bus.map(0x1004, 4, new RecordingDevice(2)));

        assertEquals("the range 0x1004+0x4 is empty, wraps or overlaps another", refused.getMessage());
        assertEquals(1, bus.read(0x1000, 1));
        assertNotNull(bus.tryMap(0x1010, 1, new RecordingDevice(2)));
        assertNotNull(bus.tryMap(0xfff, 1, new RecordingDevice(2)));
    }

    @Test
    void shouldRefuseRangesThatAreEmptyOrWrap() {
        assertNull(bus.tryMap(0, 0, new RecordingDevice(1)));
        assertNull(bus.tryMap(5, -1, new RecordingDevice(1)));
        assertNull(bus.tryMap(-1, 1, new RecordingDevice(1)));
        assertNull(bus.tryMap(Long.MAX_VALUE, 1, new RecordingDevice(1)));
        assertNotNull(bus.tryMap(Long.MAX_VALUE - 1, 1, new RecordingDevice(1)));
    }

    @Test
    void shouldForgetRangeOnceItIsClosedAndCloseTwice() {
        Bus.Mapping mapping = bus.map(0x1000, 0x10, new RecordingDevice(1));
        mapping.close();
        bus.map(0x1000, 0x10, new RecordingDevice(2));
        mapping.close();

        assertEquals(2, bus.read(0x1000, 1));
    }

    @Property(tries = 300)
    void shouldAgreeWithListOfRanges(@ForAll @Size(max = 40) List<@IntRange(min = 0, max = 1023) Integer> script) {
        Bus tested = new Bus();
        Map<Integer, Bus.Mapping> mappings = new HashMap<>();
        long[] model = new long[64];
        Arrays.fill(model, 0xff);
        for (int step : script) {
            int start = step & 63;
            int size = 1 + (step >>> 6 & 7);
            boolean unmap = step >>> 9 == 1 && mappings.containsKey(start);
            if (unmap) {
                mappings.remove(start).close();
                for (int i = 0; i < 64; i++) {
                    model[i] = model[i] == start ? 0xff : model[i];
                }
                continue;
            }
            boolean free = true;
            for (int i = start; i < start + size && i < 64; i++) {
                free &= model[i] == 0xff;
            }
            if (start + size <= 64) {
                Bus.Mapping mapping = tested.tryMap(start, size, new RecordingDevice(start));
                assertEquals(free, mapping != null);
                if (free) {
                    mappings.put(start, mapping);
                    Arrays.fill(model, start, start + size, start);
                }
            }
        }
        for (int i = 0; i < 64; i++) {
            assertEquals(model[i], tested.read(i, 1));
        }
    }

    @Test
    void shouldServeReadersWhileRangesMove() throws InterruptedException {
        bus.map(0x5000, 0x10, constant(7));
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong wrong = new AtomicLong();
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            readers.add(Thread.ofPlatform().start(() -> {
                while (!stop.get()) {
                    long fixed = bus.read(0x5008, 1);
                    long moving = bus.read(0x1000, 1);
                    if (fixed != 7 || moving != 9 && moving != 0xff) {
                        wrong.incrementAndGet();
                    }
                }
            }));
        }
        for (int i = 0; i < 20_000; i++) {
            bus.map(0x1000, 0x10, constant(9)).close();
        }
        stop.set(true);
        for (Thread reader : readers) {
            reader.join();
        }
        assertEquals(0, wrong.get());
    }

    private static BusDevice constant(long value) {
        return new BusDevice() {
            @Override
            public long read(long offset, int byteSize) {
                return value;
            }

            @Override
            public void write(long offset, int byteSize, long written) {
            }
        };
    }
}
