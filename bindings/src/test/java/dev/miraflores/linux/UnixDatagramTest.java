// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixDatagramTest {
    @TempDir
    Path directory;

    @Test
    void shouldReachAFile() {
        String path = directory.resolve("notify").toString();
        assertEquals("READY=1", sentTo(path, path, 110));
    }

    /** unix(7): a name in the abstract name space begins with a zero byte, and has no end but the address's. */
    @Test
    void shouldReachAnAbstractName() {
        String name = "miraflores-test-" + ProcessHandle.current().pid();
        assertEquals("READY=1", sentTo("@" + name, "\0" + name, 3 + name.length()));
    }

    @Test
    void shouldSayThatNobodyIsThere() {
        assertEquals(-Errno.ENOENT, UnixDatagram.send(directory.resolve("nobody").toString(), "READY=1"));
    }

    /** What comes in at {@code boundName} when it is sent to {@code path}. */
    private static String sentTo(String path, String boundName, int addressBytes) {
        int type = libc_h.SOCK_DGRAM | libc_h.SOCK_NONBLOCK;
        try (Arena arena = Arena.ofConfined();
                Fd receiver = Fd.adopt(Libc.callInt(Libc.symbol("socket"), libc_h.AF_UNIX, type, 0))) {
            MemorySegment address = arena.allocate(110, 2);
            address.set(ValueLayout.JAVA_SHORT, 0, (short) libc_h.AF_UNIX);
            byte[] name = boundName.getBytes(StandardCharsets.UTF_8);
            MemorySegment.copy(name, 0, address, ValueLayout.JAVA_BYTE, 2, name.length);
            assertEquals(0, Libc.callInt(Libc.symbol("bind"), receiver.number(), address.address(), addressBytes));

            assertEquals(0, UnixDatagram.send(path, "READY=1"));

            MemorySegment into = arena.allocate(64);
            long count = FileIo.read(receiver.number(), into);
            return new String(into.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        }
    }
}
