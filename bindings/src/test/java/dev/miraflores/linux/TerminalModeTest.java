// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** On the master side of a pseudo-terminal, which has the same modes. */
class TerminalModeTest {
    @Test
    void shouldTellATerminalFromAFile() {
        try (Fd terminal = openTerminal(); Fd file = Memfd.create("no terminal", 0)) {
            assertNotNull(TerminalMode.of(terminal.number()));
            assertNull(TerminalMode.of(file.number()));
        }
    }

    @Test
    void shouldBecomeRawAndComeBack() {
        try (Fd terminal = openTerminal()) {
            byte[] before = mode(terminal);
            assertTrue(isSet(before, libc_abi.termios.c_lflag, libc_h.ECHO));
            TerminalMode saved = TerminalMode.of(terminal.number());
            assertArrayEquals(before, mode(terminal));

            saved.makeRaw();

            byte[] during = mode(terminal);
            assertFalse(isSet(during, libc_abi.termios.c_lflag, libc_h.ECHO));
            assertFalse(isSet(during, libc_abi.termios.c_lflag, libc_h.ICANON));
            assertFalse(isSet(during, libc_abi.termios.c_lflag, libc_h.ISIG));
            assertFalse(isSet(during, libc_abi.termios.c_iflag, libc_h.ICRNL));
            assertTrue(isSet(during, libc_abi.termios.c_oflag, libc_h.OPOST));

            saved.close();
            assertArrayEquals(before, mode(terminal));
            saved.makeRaw();
            saved.close();
            assertArrayEquals(before, mode(terminal), "closed is closed");
        }
    }

    private static Fd openTerminal() {
        return Fd.open("/dev/ptmx", Fd.O_RDWR | Fd.O_NOCTTY);
    }

    private static byte[] mode(Fd terminal) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mode = arena.allocate(libc_abi.termios.sizeof);
            assertEquals(0, Libc.callInt(Libc.symbol("tcgetattr"), terminal.number(), mode.address()));
            return mode.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static boolean isSet(byte[] mode, long field, int flag) {
        return (MemorySegment.ofArray(mode).get(ValueLayout.JAVA_INT_UNALIGNED, field) & flag) != 0;
    }
}
