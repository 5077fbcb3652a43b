// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any file as a kernel, and initrds beside it: loaded inside RAM and clear of the boot structures, or refused in one
 * line. An input says how a sound image is damaged, or is the beginning of a file itself.
 */
class BootLoaderFuzzTest {

    private static final int MEMORY_BYTES = 24 << 20;
    private static final int RAW_BYTES = 12 << 10;
    private static final int VIDEO_GPA = 0xa_0000;
    private static final int BIOS_GPA = 0xe_0000;
    private static final List<byte[]> IMAGES = List.of(KernelImages.bzImage(), KernelImages.vmlinux(),
            KernelImages.vmlinuxOfLinux(), KernelImages.pvh(), KernelImages.pvh32(), KernelImages.multibootElf(),
            KernelImages.multibootFlat());
    private static final int RAW = IMAGES.size();

    static Stream<byte[]> seeds() {
        Stream<byte[]> sound = IntStream.range(0, RAW).mapToObj(image -> new Seed().u8(image, 0, 1).u16(1000).bytes());
        Stream<byte[]> damaged = Stream.of(
                new Seed().u8(0, 0, 1).u16(0).u16(0x258).u8(3).u64(-1).bytes(),
                new Seed().u8(1, 2, 0).u16(72).u8(3).u64(Long.MAX_VALUE).bytes(),
                new Seed().u8(6, 4, 3).u16(9).u16(16 + 64 + 20).u8(2).u32(0xffff_ffffL).bytes());
        Stream<byte[]> raw = IMAGES.stream().map(image ->
                new Seed().u8(RAW, 0, 0).raw(Arrays.copyOf(image, 1024)).bytes());
        return Stream.of(sound, damaged, raw).flatMap(part -> part);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldLoadOrRefuse(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        int image = input.below(RAW + 1);
        int kinds = input.below(KernelKind.values().length + 1);
        KernelKind kind = kinds == 0 ? null : KernelKind.values()[kinds - 1];
        byte[][] initrds = new byte[input.below(4)][];
        for (int i = 0; i < initrds.length; i++) {
            initrds[i] = KernelImages.initrd(1 + 37 * input.u16());
        }
        byte[] file = image == RAW ? Arrays.copyOf(input.rest(), RAW_BYTES) : damaged(IMAGES.get(image), input);
        try (LoadingHarness guest = new LoadingHarness(MEMORY_BYTES)) {
            try (Bounds _ = new Bounds()) {
                guest.load(kind, file, "a=b", initrds);
            } catch (BootException e) {
                assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
                assertTrue(e.getMessage().length() < 300, e.getMessage());
            }
            byte[] video = guest.bytes(VIDEO_GPA, BIOS_GPA - VIDEO_GPA);
            assertEquals(-1, Arrays.mismatch(video, new byte[video.length]));
            if (guest.loaded != null) {
                assertSound(guest, initrds);
            }
        }
    }

    /** Numbers put over an image at offsets; the last one, without a number, is where the file is cut off. */
    private static byte[] damaged(byte[] image, FuzzInput input) {
        byte[] file = image.clone();
        while (input.hasMore()) {
            int offset = input.u16() % file.length;
            int width = input.width();
            if (!input.hasMore()) {
                return Arrays.copyOf(file, offset);
            }
            for (int i = 0; i < width && offset + i < file.length; i++) {
                file[offset + i] = (byte) input.u8();
            }
        }
        return file;
    }

    private static void assertSound(LoadingHarness guest, byte[][] initrds) {
        LoadedKernel loaded = guest.loaded;
        assertEquals(0x00CF_9300_0000_FFFFL, guest.fields(BootState.GDT_GPA, 32).getLong(BootState.DATA_SELECTOR));
        assertNotNull(guest.memory.find(loaded.kernelGpa(), loaded.kernelBytes()));
        if (initrds.length == 1) {
            assertArrayEquals(initrds[0], guest.bytes(loaded.initrdGpa(), initrds[0].length));
        }
        if (loaded.state() instanceof BootState.LongMode state) {
            assertEquals(0xA003, guest.fields(state.cr3(), 8).getLong(0));
        }
    }
}
