// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.dirty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class DirtyBitmapProperties {

    private static final int GRANULE = 512;

    private static BitSet bits(DirtyBitmap map) {
        BitSet bits = new BitSet();
        map.forEach((offset, bytes) -> {
            assertEquals(0, offset % GRANULE);
            bits.set((int) (offset / GRANULE), (int) ((offset + bytes + GRANULE - 1) / GRANULE));
        });
        return bits;
    }

    /** Against a set of granules. */
    @Property(tries = 300)
    void shouldKnowWhatWasMarked(@ForAll long seed, @ForAll @IntRange(min = 1, max = 200_000) int disk) {
        Random random = new Random(seed);
        DirtyBitmap map = new DirtyBitmap(disk, GRANULE);
        BitSet model = new BitSet();
        int granules = (disk + GRANULE - 1) / GRANULE;
        for (int i = 0; i < 60; i++) {
            int offset = random.nextInt(disk);
            int bytes = random.nextInt(Math.min(disk - offset, random.nextBoolean() ? 2000 : disk)) + 1;
            if (random.nextInt(3) != 0) {
                map.set(offset, bytes);
                model.set(offset / GRANULE, (offset + bytes - 1) / GRANULE + 1);
            } else {
                map.clear(offset, bytes);
                int after = offset + bytes == disk ? granules : (offset + bytes) / GRANULE;
                int first = (offset + GRANULE - 1) / GRANULE;
                model.clear(first, Math.max(first, after));
            }
            assertEquals(model, bits(map));
            long expected = (long) model.cardinality() * GRANULE
                - (model.get(granules - 1) ? (long) granules * GRANULE - disk : 0);
            assertEquals(expected, map.dirtyBytes());
            assertEquals(model.isEmpty(), map.isClean());
            int at = random.nextInt(disk);
            int next = model.nextSetBit(at / GRANULE);
            assertEquals(next < 0 ? -1 : (long) next * GRANULE, map.nextDirty(at));
            assertEquals(Math.min(disk, (long) model.nextClearBit(at / GRANULE) * GRANULE), map.nextClean(at));
            assertEquals(model.get(at / GRANULE), map.isDirty(at, 1));
        }
        DirtyBitmap merged = new DirtyBitmap(disk, GRANULE);
        merged.set(0, 1);
        merged.merge(map);
        DirtyBitmap coarse = new DirtyBitmap(disk, 4096);
        coarse.merge(map);
        assertEquals(model, bits(map.take()));
        assertTrue(map.isClean());
        model.stream().forEach(i -> assertTrue(coarse.isDirty((long) i * GRANULE, 1)));
        model.set(0);
        assertEquals(model, bits(merged));
    }

    /** Whoever takes what is dirty, again and again, misses nothing that several threads mark meanwhile. */
    @Property(tries = 20)
    void shouldLoseNoMarkToTheOneWhoTakesThem(@ForAll long seed) throws InterruptedException {
        DirtyBitmap map = new DirtyBitmap(64 * GRANULE * 3, GRANULE);
        int threads = 3;
        CountDownLatch running = new CountDownLatch(threads);
        List<BitSet> marked = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            BitSet mine = new BitSet();
            marked.add(mine);
            Random random = new Random(seed + t);
            Thread.ofPlatform().start(() -> {
                for (int i = 0; i < 2000; i++) {
                    int granule = random.nextInt(64 * 3);
                    map.set((long) granule * GRANULE, 1);
                    mine.set(granule);
                }
                running.countDown();
            });
        }
        BitSet taken = new BitSet();
        do {
            taken.or(bits(map.take()));
        } while (running.getCount() != 0);
        taken.or(bits(map.take()));
        BitSet all = new BitSet();
        marked.forEach(all::or);
        assertEquals(all, taken);
    }

    @Example
    void shouldCountWhatADiskHasGrownBy() {
        DirtyBitmap map = new DirtyBitmap(10_000, 4096);
        map.set(9_000, 5_000);
        assertTrue(map.isDirty(13_999, 1));
        assertFalse(map.isDirty(14_000, 1));
        assertFalse(map.isDirty(0, 4096));
        List<Long> ranges = new ArrayList<>();
        map.forEach((offset, bytes) -> ranges.addAll(List.of(offset, bytes)));
        assertEquals(List.of(8192L, 1808L, 10_000L, 4_000L), ranges);
        assertEquals(5808, map.dirtyBytes());
        DirtyBitmap taken = map.take();
        assertTrue(map.isClean());
        assertEquals(5808, taken.dirtyBytes());
        map.merge(taken);
        assertEquals(5808, map.dirtyBytes());
        map.clearAll();
        assertTrue(map.isClean());
    }

    @Example
    void shouldRefuseOddGranules() {
        assertThrows(IllegalArgumentException.class, () -> new DirtyBitmap(1, 256));
        assertThrows(IllegalArgumentException.class, () -> new DirtyBitmap(1, 1000));
        assertThrows(IllegalArgumentException.class, () -> new DirtyBitmap(1L << 60, 512));
        new DirtyBitmap(0, 512).setAll();
        assertEquals(-1, new DirtyBitmap(0, 512).nextDirty(0));
    }
}
