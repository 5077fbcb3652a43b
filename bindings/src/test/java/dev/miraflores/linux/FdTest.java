// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FdTest {
    @TempDir
    private Path folder;

    @Test
    void shouldOpenAndCloseIdempotently() {
        Fd fd = Fd.open("/dev/null", Fd.O_RDWR);
        int number = fd.number();
        assertTrue(FileIo.statusFlags(number) >= 0);

        fd.close();
        fd.close();

        assertFalse(fd.isOpen());
        assertEquals(-Errno.EBADF, FileIo.statusFlags(number));
    }

    @Test
    void shouldRefuseItsNumberAfterClose() {
        Fd fd = Fd.open("/dev/null", Fd.O_RDONLY);
        fd.close();

        assertThrows(IllegalStateException.class, fd::number);
        assertEquals("Fd(closed)", fd.toString());
    }

    /** A second close of a number that the kernel has given away would close someone else's file. */
    @Test
    void shouldNotCloseWhatIsNoLongerItsOwn() {
        Fd first = Fd.open("/dev/null", Fd.O_RDONLY);
        first.close();
        try (Fd second = Fd.open("/dev/null", Fd.O_RDONLY)) {
            first.close();

            assertTrue(FileIo.statusFlags(second.number()) >= 0);
        }
    }

    @Test
    void shouldNameTheFileThatIsMissing() {
        String missing = folder.resolve("missing").toString();

        ErrnoException e = assertThrows(ErrnoException.class, () -> Fd.open(missing, Fd.O_RDONLY));

        assertEquals("open(" + missing + "): ENOENT (2)", e.getMessage());
        assertEquals(-Errno.ENOENT, Fd.tryOpen(missing, Fd.O_RDONLY, 0));
    }

    @Test
    void shouldCreateWithMode() throws Exception {
        Path file = folder.resolve("new");

        Fd.open(file.toString(), Fd.O_RDWR | Fd.O_CREAT | Fd.O_EXCL, 0600).close();

        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        assertEquals(-Errno.EEXIST, Fd.tryOpen(file.toString(), Fd.O_RDWR | Fd.O_CREAT | Fd.O_EXCL, 0600));
    }

    @Test
    void shouldGiveItsNumberAway() {
        Fd fd = Fd.open("/dev/null", Fd.O_RDONLY);

        int number = fd.release();

        fd.close();
        assertTrue(FileIo.statusFlags(number) >= 0);
        assertEquals(0, Fd.close(number));
    }

    @Test
    void shouldRefuseToAdoptAnError() {
        assertThrows(IllegalArgumentException.class, () -> Fd.adopt(-Errno.EMFILE));
    }

    @Test
    void shouldLeaveNoDescriptorBehind() {
        OpenDescriptors.assertNoneLeft(100, () -> {
            Fd.open("/dev/null", Fd.O_RDWR).close();
            EventFd.create().close();
            Memfd.create("leak", 0).close();
            Epoll.create(1).close();
        });
    }
}
