// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Whatever a file holds: it is loaded, inside RAM and clear of the boot structures, or refused in one line. */
class DamagedImageTest {
    private static final int MEMORY_BYTES = 24 << 20;
    private static final byte[] INITRD = KernelImages.initrd(1000);

    /** A change of a few bytes: most are put where the headers are. */
    record Change(int position, int width, long value) {
        void applyTo(byte[] file) {
            for (int i = 0; i < width; i++) {
                int at = (position + i) % file.length;
                file[at] = (byte) (value >>> 8 * i);
            }
        }
    }

    @Property(tries = 3000)
    void shouldLoadOrRefuseAnyMutation(@ForAll("images") byte[] image,
            @ForAll @Size(min = 1, max = 6) List<@From("changes") Change> changes) {
        byte[] file = image.clone();
        for (Change change : changes) {
            change.applyTo(file);
        }
        check(file);
    }

    @Property(tries = 600)
    void shouldLoadOrRefuseAnyTruncation(@ForAll("images") byte[] image, @ForAll @IntRange(max = 12_000) int kept) {
        check(KernelImages.part(image, 0, Math.min(kept, image.length)));
    }

    @Property(tries = 300)
    void shouldRefuseNoiseInOneLine(@ForAll @Size(max = 9000) byte[] noise) {
        check(noise);
    }

    @Property(tries = 600)
    void shouldLoadOrRefuseAsAnyKind(@ForAll("images") byte[] image, @ForAll KernelKind kind,
            @ForAll("changes") Change change) {
        byte[] file = image.clone();
        change.applyTo(file);
        check(kind, file);
    }

    @Property(tries = 50)
    void shouldLoadTheSameEachTime(@ForAll("images") byte[] image) {
        try (LoadingHarness first = new LoadingHarness(MEMORY_BYTES);
                LoadingHarness second = new LoadingHarness(MEMORY_BYTES)) {
            assertEquals(first.load(image, "a=b", INITRD), second.load(image, "a=b", INITRD));
            assertArrayEquals(first.bytes(0, MEMORY_BYTES), second.bytes(0, MEMORY_BYTES));
        }
    }

    @Provide
    Arbitrary<byte[]> images() {
        return Arbitraries.of(KernelImages.bzImage(), KernelImages.vmlinux(), KernelImages.vmlinuxOfLinux(),
                KernelImages.pvh(), KernelImages.pvh32(), KernelImages.multibootElf(), KernelImages.multibootFlat());
    }

    @Provide
    Arbitrary<Change> changes() {
        Arbitrary<Integer> positions = Arbitraries.frequencyOf(
                Tuple.of(4, Arbitraries.integers().between(0, 0x280)),
                Tuple.of(1, Arbitraries.integers().between(0, 0x1200)));
        Arbitrary<Long> values = Arbitraries.oneOf(
                Arbitraries.longs(),
                Arbitraries.of(0L, 1L, -1L, Long.MIN_VALUE, Long.MAX_VALUE, 0xFFFF_FFFFL, 0x8000_0000L, 0x10_0000L, 0x7000L,
                        0x1000L, (long) MEMORY_BYTES, 0xC000_0000L, 0x1_0000_0000L));
        return Combinators.combine(positions, Arbitraries.of(1, 2, 4, 8), values).as(Change::new);
    }

    private static void check(byte[] file) {
        check(null, file);
    }

    private static void check(KernelKind kind, byte[] file) {
        try (LoadingHarness guest = new LoadingHarness(MEMORY_BYTES)) {
            try {
                guest.load(kind, file, "a=b", INITRD);
            } catch (BootException e) {
                assertFalse(e.getMessage().contains("\n"), e.getMessage());
                assertTrue(e.getMessage().length() < 300, e.getMessage());
                assertUntouchedOutsideRam(guest);
                return;
            }
            assertUntouchedOutsideRam(guest);
            assertStructuresIntact(guest);
        }
    }

    /** Only RAM of the map was written, and the byte that begins the EBDA. */
    private static void assertUntouchedOutsideRam(LoadingHarness guest) {
        byte[] hole = guest.bytes(0x9_FC00, 0x10_0000 - 0x9_FC00);
        hole[0] = 0;
        assertEquals(-1, Arrays.mismatch(hole, new byte[hole.length]));
    }

    /** What the kernel's segments might have overwritten. */
    private static void assertStructuresIntact(LoadingHarness guest) {
        LoadedKernel loaded = guest.loaded;
        assertEquals(0x00CF_9300_0000_FFFFL, guest.fields(BootState.GDT_GPA, 32).getLong(BootState.DATA_SELECTOR));
        assertTrue(guest.text(0x2_0000).endsWith("a=b"));
        assertArrayEquals(INITRD, guest.bytes(loaded.initrdGpa(), INITRD.length));
        assertTrue(loaded.initrdGpa() >= loaded.kernelGpa() + loaded.kernelBytes()
                || loaded.initrdGpa() + INITRD.length <= loaded.kernelGpa()
                || loaded.kind() != KernelKind.BZIMAGE, loaded.toString());
        if (loaded.state() instanceof BootState.LongMode state) {
            assertEquals(0xA003, guest.fields(state.cr3(), 8).getLong(0));
            assertEquals(0x5372_6448, guest.fields(state.rsi() + 0x202, 4).getInt(0));
        }
    }
}
