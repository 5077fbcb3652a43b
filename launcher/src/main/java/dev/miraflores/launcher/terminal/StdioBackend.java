// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.CharInput;
import dev.miraflores.linux.TerminalMode;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jline.utils.Signals;

/**
 * Standard input and output as the far end of a serial port or a console. A terminal is made raw and understands {@code ^A}; what
 * a guest does not read of it is dropped, so that {@code ^A x} always gets through. A pipe or file is passed on as it
 * is, at the guest's pace.
 * <p>Thread: input comes from a daemon thread; {@code close}, any.
 * <p>Lifetime: the terminal is raw from {@code connect} on, and gets its old settings back at {@code close} or, whatever
 * ends the process short of SIGKILL, on the way out.
 */
public final class StdioBackend implements CharBackend {

    private static final int STDIN = 0;
    private static final int STDOUT = 1;

    private final FileInputStream in = new FileInputStream(FileDescriptor.in);
    private final FileOutputStream out = new FileOutputStream(FileDescriptor.out);
    private final TerminalUser user;
    /** Null where there is nothing but the serial port. */
    private final Alternate alternate;
    /** Whether what is typed goes there. The thread that reads. */
    private boolean switched;
    private TerminalMode terminal;
    private Thread restoreAtExit;
    private volatile boolean closed;

    /** @param user is asked for what is typed behind {@code ^A} */
    public StdioBackend(TerminalUser user) {
        this(user, null, false);
    }

    /**
     * A terminal that is shared.
     *
     * @param alternate what {@code ^A c} goes to
     * @param only      whether the terminal is that one's alone: the serial port is somewhere else
     */
    public StdioBackend(TerminalUser user, Alternate alternate, boolean only) {
        this.user = user;
        this.alternate = alternate;
        this.switched = only;
    }

    /** Whether somebody may be typing. */
    public static boolean isTerminal() {
        try (TerminalMode terminal = TerminalMode.of(STDIN)) {
            return terminal != null;
        }
    }

    @Override
    public synchronized void connect(CharInput input) {
        terminal = TerminalMode.of(STDIN);
        if (terminal != null) {
            // The way back first: a signal may come at any time.
            restoreAtExit = new Restorer(terminal);
            Runtime.getRuntime().addShutdownHook(restoreAtExit);
            terminal.makeRaw();
            if (input != null && input.wantsSize()) {
                tellSize(input);
                Signals.register("WINCH", () -> tellSize(input));
            }
        }
        boolean typed = terminal != null;
        Thread reader = new Thread("stdin") {
            @Override
            public void run() {
                read(input, typed);
            }
        };
        reader.setDaemon(true);
        reader.start();
    }

    private static void tellSize(CharInput input) {
        long size = TerminalMode.size(STDOUT);
        if (size != 0) {
            input.resized((int) size, (int) (size >>> 32));
        }
    }

    @Override
    public String describe() {
        return "stdio";
    }

    private void read(CharInput input, boolean typed) {
        // With two to type to, byte by byte: each goes to the one that it was typed to.
        byte[] bytes = new byte[alternate == null ? 4096 : 1];
        EscapeFilter filter = new EscapeFilter(new TypedCommands(input));
        try {
            int count = in.read(bytes);
            while (count >= 0 && !closed) {
                if (typed) {
                    type(input, bytes, filter.filter(bytes, count));
                } else if (!input.put(bytes, 0, count)) {
                    return;
                }
                count = in.read(bytes);
            }
        } catch (IOException | InterruptedException e) {
            // No more input: the guest goes on without, as with a keyboard that was unplugged.
        }
    }

    private void type(CharInput input, byte[] bytes, int count) {
        if (count == 0) {
            return;
        }
        if (switched) {
            alternate.type(bytes, count);
        } else {
            input.offer(bytes, 0, count);
        }
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (terminal == null) {
            return;
        }
        terminal.close();
        try {
            Runtime.getRuntime().removeShutdownHook(restoreAtExit);
        } catch (IllegalStateException e) {
            // The process is on its way out, and the hook with it.
        }
        terminal = null;
    }

    private static final class Restorer extends Thread {

        private final TerminalMode terminal;

        Restorer(TerminalMode terminal) {
            super("restore-terminal");
            this.terminal = terminal;
        }

        @Override
        public void run() {
            terminal.close();
        }
    }

    private final class TypedCommands implements EscapeFilter.Commands {

        private final CharInput input;

        TypedCommands(CharInput input) {
            this.input = input;
        }

        @Override
        public void quit() {
            user.quit();
        }

        /** It waits for disks, which may take long, and {@code ^A x} has to get through meanwhile. */
        @Override
        public void resume() {
            Thread.ofPlatform().name("resume").daemon().start(user::resume);
        }

        @Override
        public void help() {
            say(EscapeFilter.HELP);
        }

        @Override
        public void sendBreak() {
            if (input != null) {
                input.sendBreak();
            }
        }

        @Override
        public void switchOver() {
            if (alternate != null && input != null) {
                switched = !switched;
                say(switched ? "\r\n[monitor]\r\n" : "\r\n[console]\r\n");
            }
        }

        private void say(String text) {
            try {
                out.write(text.getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                // No one there to read it.
            }
        }
    }
}
