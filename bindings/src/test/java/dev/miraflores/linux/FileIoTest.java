// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileIoTest {
    @TempDir
    private Path folder;

    private final Arena arena = Arena.ofConfined();
    private Path path;
    private Fd file;

    @BeforeEach
    void createFile() {
        path = folder.resolve("file");
        file = Fd.open(path.toString(), Fd.O_RDWR | Fd.O_CREAT, 0600);
    }

    @AfterEach
    void closeFile() {
        file.close();
        arena.close();
    }

    @Test
    void shouldWriteAndReadAtAnOffset() throws Exception {
        assertEquals(4, FileIo.pwrite(file.number(), arena.allocateFrom(ValueLayout.JAVA_INT, 0x04030201), 3));
        MemorySegment into = arena.allocate(16);

        assertEquals(4, FileIo.pread(file.number(), into, 3));
        assertEquals(0, FileIo.pread(file.number(), into, 7));
        assertEquals(0x04030201, into.get(ValueLayout.JAVA_INT, 0));
        assertArrayEquals(new byte[] {0, 0, 0, 1, 2, 3, 4}, Files.readAllBytes(path));
    }

    @Test
    void shouldScatterAndGather() {
        MemorySegment data = arena.allocateFrom("0123456789");
        MemorySegment back = arena.allocate(11);

        assertEquals(11, FileIo.pwritev(file.number(), twoBuffers(data, 4), 2, 512));
        assertEquals(11, FileIo.preadv(file.number(), twoBuffers(back, 7), 2, 512));
        assertEquals("0123456789", back.getString(0));
    }

    @Test
    void shouldWriteDurablyFromSeveralBuffersAndReadByAddress() {
        MemorySegment data = arena.allocateFrom("0123456789");
        MemorySegment back = arena.allocate(11);
        long far = (1L << 33) + 1;

        assertEquals(11, FileIo.pwritev2(file.number(), twoBuffers(data, 4), 2, far, Storage.RWF_DSYNC));
        assertEquals(11, FileIo.pread(file.number(), back.address(), 11, far));
        assertEquals("0123456789", back.getString(0));
        assertEquals(5, FileIo.pwrite(file.number(), data.address(), 5, 0));
        assertEquals(-Errno.EBADF, FileIo.pwritev2(-1, twoBuffers(data, 4), 2, 0, 0));
    }

    @Test
    void shouldDiscardAndZeroNothingOfWhatIsNoDevice() {
        assertEquals(-Errno.ENOTTY, Storage.discard(file.number(), 0, 4096));
        assertEquals(-Errno.ENOTTY, Storage.zeroOut(file.number(), 0, 4096));
    }

    /** Two iovecs over one segment, split at a place. */
    private long twoBuffers(MemorySegment segment, long split) {
        MemorySegment iovecs = arena.allocate(2 * FileIo.IOVEC_BYTES, 8);
        iovecs.set(ValueLayout.JAVA_LONG, 0, segment.address());
        iovecs.set(ValueLayout.JAVA_LONG, 8, split);
        iovecs.set(ValueLayout.JAVA_LONG, 16, segment.address() + split);
        iovecs.set(ValueLayout.JAVA_LONG, 24, segment.byteSize() - split);
        return iovecs.address();
    }

    @Test
    void shouldReturnErrorsAsNumbers() {
        assertEquals(-Errno.EBADF, FileIo.pread(-1, arena.allocate(1), 0));
        assertEquals(-Errno.EINVAL, FileIo.pread(file.number(), arena.allocate(1), -1));
        assertEquals(-Errno.EBADF, FileIo.fdatasync(-1));
        assertEquals(-Errno.EINVAL, FileIo.ftruncate(file.number(), -1));
        assertThrows(IllegalArgumentException.class, () -> FileIo.pread(0, MemorySegment.ofArray(new byte[1]), 0));
    }

    @Test
    void shouldTellWhatAFileIs() {
        assertEquals(0, FileIo.ftruncate(file.number(), 12345));
        assertEquals(0, FileIo.fdatasync(file.number()));

        FileStatus status = FileIo.fstat(file.number());

        assertEquals(12345, status.byteSize());
        assertEquals(0100600, status.mode());
        assertEquals(0, status.allocatedSectors());
        assertTrue(status.isRegularFile());
        assertFalse(status.isDirectory() || status.isBlockDevice() || status.isCharacterDevice());
        try (Fd same = Fd.open(path.toString(), Fd.O_RDONLY);
                Fd directory = Fd.open(folder.toString(), Fd.O_RDONLY);
                Fd device = Fd.open("/dev/null", Fd.O_RDONLY)) {
            assertEquals(status, FileIo.fstat(same.number()));
            assertTrue(FileIo.fstat(directory.number()).isDirectory());
            assertTrue(FileIo.fstat(device.number()).isCharacterDevice());
        }
        assertThrows(ErrnoException.class, () -> FileIo.fstat(-1));
    }

    @Test
    void shouldChangeStatusFlags() {
        assertEquals(Fd.O_RDWR, FileIo.statusFlags(file.number()) & 3);

        assertEquals(0, FileIo.setStatusFlags(file.number(), Fd.O_NONBLOCK));

        assertTrue((FileIo.statusFlags(file.number()) & Fd.O_NONBLOCK) != 0);
    }

    @Test
    void shouldPunchAHoleOrSayWhyNot() {
        assertEquals(8192, FileIo.pwrite(file.number(), arena.allocate(8192).fill((byte) 7), 0));

        int rc = FileIo.fallocate(
                file.number(), FileIo.FALLOC_FL_PUNCH_HOLE | FileIo.FALLOC_FL_KEEP_SIZE, 4096, 4096);

        if (rc == 0) {
            MemorySegment into = arena.allocate(8192);
            assertEquals(8192, FileIo.pread(file.number(), into, 0));
            assertEquals(7, into.get(ValueLayout.JAVA_BYTE, 4095));
            assertEquals(0, into.get(ValueLayout.JAVA_BYTE, 4096));
        } else {
            assertEquals(-Errno.EOPNOTSUPP, rc); // a file system may not have holes
        }
    }

    @Test
    void shouldKeepALockFromAnotherOpenOfTheFile() {
        try (Fd other = Fd.open(path.toString(), Fd.O_RDWR)) {
            assertEquals(0, FileIo.openFileLock(file.number(), FileIo.Lock.EXCLUSIVE, 100, 1));

            assertEquals(-Errno.EAGAIN, FileIo.openFileLock(other.number(), FileIo.Lock.SHARED, 100, 1));
            assertEquals(1, FileIo.testOpenFileLock(other.number(), FileIo.Lock.SHARED, 100, 1));
            assertEquals(0, FileIo.openFileLock(other.number(), FileIo.Lock.EXCLUSIVE, 101, 1));

            assertEquals(0, FileIo.openFileLock(file.number(), FileIo.Lock.NONE, 100, 1));
            assertEquals(0, FileIo.testOpenFileLock(other.number(), FileIo.Lock.EXCLUSIVE, 100, 1));
            assertEquals(0, FileIo.openFileLock(other.number(), FileIo.Lock.EXCLUSIVE, 100, 1));
        }
        assertEquals(0, FileIo.openFileLock(file.number(), FileIo.Lock.EXCLUSIVE, 100, 2), "closing gives locks back");
    }

    @Test
    void shouldShareASharedLock() {
        try (Fd other = Fd.open(path.toString(), Fd.O_RDONLY)) {
            assertEquals(0, FileIo.openFileLock(file.number(), FileIo.Lock.SHARED, 0, 0));

            assertEquals(0, FileIo.openFileLock(other.number(), FileIo.Lock.SHARED, 0, 0));
            assertEquals(-Errno.EAGAIN, FileIo.openFileLock(file.number(), FileIo.Lock.EXCLUSIVE, 0, 0));
            assertEquals(-Errno.EBADF, FileIo.openFileLock(other.number(), FileIo.Lock.EXCLUSIVE, 0, 0));
        }
    }

    @Test
    void shouldSayWhatDirectIoDemands() {
        Storage.DirectAlignment alignment = Storage.directAlignment(file.number());

        if (alignment != null) { // neither every kernel nor every file system says
            assertEquals(1, Integer.bitCount(alignment.memoryBytes()), alignment.toString());
            assertEquals(1, Integer.bitCount(alignment.offsetBytes()), alignment.toString());
        }
    }

    @Test
    void shouldNotTakeAFileForABlockDevice() {
        assertEquals(-Errno.ENOTTY, Storage.deviceBytes(file.number()));
        assertEquals(-Errno.ENOTTY, Storage.logicalBlockBytes(file.number()));
        assertEquals(-Errno.ENOTTY, Storage.physicalBlockBytes(file.number()));
        assertEquals(-Errno.ENOTTY, Storage.isReadOnly(file.number()));
    }

    @Test
    void shouldFillWithRandomBytes() {
        MemorySegment bytes = arena.allocate(64);

        assertEquals(64, Entropy.fill(bytes.address(), 64));

        assertTrue(bytes.mismatch(arena.allocate(64)) >= 0);
        assertEquals(-Errno.EFAULT, Entropy.fill(8, 64));
    }
}
