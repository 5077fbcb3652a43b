// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class MappingTest {
    private static final long BYTES = 64 << 10;

    @Test
    void shouldBeginAsZeroes() {
        try (Mapping mapping = Mapping.anonymous(BYTES, 0)) {
            assertEquals(BYTES, mapping.byteSize());
            assertEquals(-1, mapping.segment().mismatch(MemorySegment.ofArray(new byte[(int) BYTES])));
        }
    }

    @Test
    void shouldCheckBounds() {
        try (Mapping mapping = Mapping.anonymous(BYTES, 0)) {
            MemorySegment segment = mapping.segment();
            segment.set(ValueLayout.JAVA_LONG, BYTES - 8, 1);

            assertThrows(IndexOutOfBoundsException.class, () -> segment.set(ValueLayout.JAVA_LONG, BYTES, 1));
            assertThrows(IndexOutOfBoundsException.class, () -> segment.get(ValueLayout.JAVA_BYTE, -1));
            assertThrows(IndexOutOfBoundsException.class, () -> mapping.advise(4096, BYTES, Mapping.MADV_DONTNEED));
        }
    }

    @Test
    void shouldThrowInsteadOfFaultingAfterClose() throws IOException {
        Mapping mapping = Mapping.anonymous(BYTES, 0);
        MemorySegment segment = mapping.segment();
        MemorySegment slice = segment.asSlice(4096, 4096);
        long address = mapping.address();
        assertTrue(isMapped(address));

        mapping.close();
        mapping.close();

        assertFalse(mapping.isOpen());
        assertFalse(isMapped(address));
        assertThrows(IllegalStateException.class, () -> segment.get(ValueLayout.JAVA_BYTE, 0));
        assertThrows(IllegalStateException.class, () -> slice.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        assertThrows(IllegalStateException.class, mapping::address);
        assertThrows(IllegalStateException.class, () -> mapping.lock(0, 4096));
        assertThrows(IllegalStateException.class, () -> FileIo.pread(0, segment, 0));
    }

    /** The thread loops in compiled code when the memory goes away under it. */
    @Test
    void shouldThrowInAThreadThatIsReading() throws InterruptedException {
        Mapping mapping = Mapping.anonymous(BYTES, 0);
        MemorySegment segment = mapping.segment();
        CountDownLatch reading = new CountDownLatch(1);
        AtomicReference<Throwable> end = new AtomicReference<>();
        Thread reader = Thread.ofPlatform().start(() -> {
            try {
                long sum = 0;
                for (long i = 0; ; i = (i + 8) % BYTES) {
                    sum += segment.get(ValueLayout.JAVA_LONG, i);
                    if (sum == 0 && i == BYTES - 8) {
                        reading.countDown();
                    }
                }
            } catch (Throwable e) {
                end.set(e);
            }
        });
        reading.await();
        Thread.sleep(50);

        mapping.close();

        reader.join();
        assertEquals(IllegalStateException.class, end.get().getClass());
    }

    @Test
    void shouldShareAFileWithAnotherMapping() {
        try (Fd file = Memfd.create("shared", 0)) {
            assertEquals(0, FileIo.ftruncate(file.number(), BYTES));
            int prot = Mapping.PROT_READ | Mapping.PROT_WRITE;
            try (Mapping one = Mapping.file(file.number(), 0, BYTES, prot, Mapping.MAP_SHARED);
                    Mapping other = Mapping.file(file.number(), 4096, 4096, Mapping.PROT_READ, Mapping.MAP_SHARED)) {
                one.segment().set(ValueLayout.JAVA_INT, 4096, 42);

                assertEquals(42, other.segment().get(ValueLayout.JAVA_INT, 0));
            }
        }
    }

    @Test
    void shouldGivePagesBack() {
        try (Mapping mapping = Mapping.anonymous(BYTES, Mapping.MAP_NORESERVE)) {
            mapping.segment().fill((byte) 1);

            assertEquals(0, mapping.advise(4096, 4096, Mapping.MADV_DONTNEED));

            assertEquals(0, mapping.segment().get(ValueLayout.JAVA_BYTE, 4096));
            assertEquals(1, mapping.segment().get(ValueLayout.JAVA_BYTE, 8192));
        }
    }

    @Test
    void shouldNameWhatCannotBeMapped() {
        ErrnoException none = assertThrows(ErrnoException.class, () -> Mapping.anonymous(0, 0));
        ErrnoException huge = assertThrows(ErrnoException.class, () -> Mapping.anonymous(1L << 60, 0));
        ErrnoException closed = assertThrows(
                ErrnoException.class, () -> Mapping.file(-1, 0, 4096, Mapping.PROT_READ, Mapping.MAP_SHARED));

        assertEquals("mmap(anonymous, bytes=0): EINVAL (22)", none.getMessage());
        assertEquals(Errno.ENOMEM, huge.errno());
        assertEquals("mmap(fd=-1, offset=0, bytes=4096): EBADF (9)", closed.getMessage());
    }

    private static boolean isMapped(long address) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
            String[] range = line.substring(0, line.indexOf(' ')).split("-");
            if (Long.compareUnsigned(Long.parseUnsignedLong(range[0], 16), address) <= 0
                    && Long.compareUnsigned(address, Long.parseUnsignedLong(range[1], 16)) < 0) {
                return true;
            }
        }
        return false;
    }
}
