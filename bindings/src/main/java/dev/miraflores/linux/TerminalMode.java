// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static dev.miraflores.bindings.libc.libc_abi.*;

import dev.miraflores.bindings.libc.libc_abi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A terminal's settings, to come back to. In between it may be raw: each byte typed arrives at once, none of them is
 * echoed or means anything to the kernel. Output is processed as before, so that a line feed still starts a line.
 *
 * <p>Thread: any, a shutdown hook's too.
 *
 * <p>Source: termios(3), "Raw mode".
 */
public final class TerminalMode implements AutoCloseable {
    private static final MemorySegment TCGETATTR = Libc.symbol("tcgetattr");
    private static final MemorySegment TCSETATTR = Libc.symbol("tcsetattr");

    private static final int INPUT_PROCESSING =
            IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON;
    private static final int LINE_PROCESSING = ECHO | ICANON | ISIG | IEXTEN;

    /** The same on all machines that are x86-64 (asm-generic/ioctls.h). */
    private static final long TIOCGWINSZ = 0x5413;

    private final int fd;
    private final MemorySegment saved;
    private boolean raw;
    private boolean closed;

    private TerminalMode(int fd, MemorySegment saved) {
        this.fd = fd;
        this.saved = saved;
    }

    /** The ioctls that libc makes of tcgetattr(3) and tcsetattr(3); since glibc 2.42 those with a 2 (asm-generic/ioctls.h). */
    public static int[] ioctls() {
        return new int[] {
            0x5401 /* TCGETS */, 0x5402 /* TCSETS */, 0x5403 /* TCSETSW */, 0x5404 /* TCSETSF */, 0x5413 /* TIOCGWINSZ */,
            0x802C_542A /* TCGETS2 */, 0x402C_542B /* TCSETS2 */, 0x402C_542C /* TCSETSW2 */, 0x402C_542D /* TCSETSF2 */
        };
    }

    /** The settings of {@code fd}'s terminal, unchanged; {@code null} when it is no terminal. */
    public static TerminalMode of(int fd) {
        MemorySegment saved = Arena.ofAuto().allocate(libc_abi.termios.sizeof, Integer.BYTES);
        if (Libc.callInt(TCGETATTR, fd, saved.address()) < 0) {
            return null;
        }
        return new TerminalMode(fd, saved);
    }

    /** The columns of {@code fd}'s terminal in the low half and the lines in the high one; 0 when it is none or does not know. */
    public static long size(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            // struct winsize (ioctl_tty(2)): four u16, of which lines and columns are the first two.
            MemorySegment size = arena.allocate(4L * Short.BYTES, Short.BYTES);
            if (Ioctl.call(fd, TIOCGWINSZ, size) < 0) {
                return 0;
            }
            long lines = size.get(ValueLayout.JAVA_SHORT, 0) & 0xFFFF;
            return lines << 32 | size.get(ValueLayout.JAVA_SHORT, Short.BYTES) & 0xFFFF;
        }
    }

    /** Makes the terminal raw, unless it was closed already. */
    public synchronized void makeRaw() {
        if (closed) {
            return;
        }
        raw = true;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mode = arena.allocate(libc_abi.termios.sizeof, Integer.BYTES).copyFrom(saved);
            clear(mode, libc_abi.termios.c_iflag, INPUT_PROCESSING);
            clear(mode, libc_abi.termios.c_lflag, LINE_PROCESSING);
            clear(mode, libc_abi.termios.c_cflag, CSIZE | PARENB);
            mode.set(ValueLayout.JAVA_INT, libc_abi.termios.c_cflag,
                    mode.get(ValueLayout.JAVA_INT, libc_abi.termios.c_cflag) | CS8);
            mode.set(ValueLayout.JAVA_BYTE, libc_abi.termios.c_cc + VMIN, (byte) 1);
            mode.set(ValueLayout.JAVA_BYTE, libc_abi.termios.c_cc + VTIME, (byte) 0);
            ErrnoException.check("tcsetattr(fd=" + fd + ")", Libc.callInt(TCSETATTR, fd, TCSANOW, mode.address()));
        }
    }

    private static void clear(MemorySegment mode, long offset, int bits) {
        mode.set(ValueLayout.JAVA_INT, offset, mode.get(ValueLayout.JAVA_INT, offset) & ~bits);
    }

    /** The old settings again. Once more does nothing; a terminal that is gone is left alone. */
    @Override
    public synchronized void close() {
        closed = true;
        if (raw) {
            raw = false;
            // At once, not when output has drained: a terminal stopped by ^S would hold up our end.
            Libc.callInt(TCSETATTR, fd, TCSANOW, saved.address());
        }
    }
}
