// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import dev.miraflores.linux.TerminalMode;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jline.reader.Candidate;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Size;
import org.jline.terminal.impl.LineDisciplineTerminal;

/**
 * The monitor for somebody at a terminal: JLine edits the line, completes it, and remembers those before it. The terminal itself
 * is the launcher's, which makes it raw and gives on what is typed; JLine has one that is made of memory.
 * <p>Thread: {@code type}, the one that reads the terminal; its own reads lines and executes them.
 */
public final class TerminalMonitor implements AutoCloseable {

    private static final int STDOUT = 1;
    private static final Size USUAL = new Size(80, 24);
    /** Of what is typed while a command takes its time; what comes then is dropped, so that the keyboard's thread goes on. */
    private static final int MOST_TYPED_AHEAD = 256;

    private final LineDisciplineTerminal terminal;
    private volatile boolean busy = true;
    private volatile boolean closed;
    private int typedAhead;

    /** @param out what is shown at the terminal */
    public TerminalMonitor(OutputStream out) {
        try {
            String type = System.getenv("TERM");
            terminal = new LineDisciplineTerminal("monitor", type == null ? "ansi" : type, out, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        terminal.setSize(size());
    }

    private static Size size() {
        long size = TerminalMode.size(STDOUT);
        return size == 0 ? USUAL : new Size((int) size, (int) (size >>> 32));
    }

    /** Takes what was typed. */
    public void type(byte[] bytes, int count) {
        if (busy) {
            typedAhead += count;
            if (typedAhead > MOST_TYPED_AHEAD) {
                return;
            }
        } else {
            typedAhead = 0;
        }
        try {
            terminal.processInputBytes(bytes, 0, count);
        } catch (IOException e) {
            // It was closed: nobody reads any more.
        }
    }

    /** Begins to read lines. */
    public void start(HmpCommands commands, String version) {
        Thread.ofPlatform().name("monitor-stdio").daemon().start(() -> run(commands, version));
    }

    private void run(HmpCommands commands, String version) {
        LineReader reader = LineReaderBuilder.builder().terminal(terminal).appName("hv")
                .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
                .completer((_, line, candidates) -> complete(commands, line, candidates)).build();
        show(HmpLines.banner(version));
        while (!closed) {
            try {
                terminal.setSize(size());
                busy = false;
                String line = reader.readLine(HmpLines.PROMPT);
                busy = true;
                show(commands.run(line));
            } catch (UserInterruptException | EndOfFileException e) {
                // ^C drops a line that was begun, ^D does nothing: quit ends the machine.
                if (closed) {
                    return;
                }
            } catch (RuntimeException | Error e) {
                // JLine's way of saying that its terminal was closed.
                if (!closed) {
                    System.getLogger(TerminalMonitor.class.getName()).log(System.Logger.Level.ERROR, "the monitor ended", e);
                }
                return;
            }
        }
    }

    private static void complete(HmpCommands commands, ParsedLine line, List<Candidate> candidates) {
        for (String word : commands.candidates(line.words().subList(0, line.wordIndex()))) {
            candidates.add(new Candidate(word));
        }
    }

    private void show(String text) {
        terminal.writer().print(text);
        terminal.writer().flush();
    }

    @Override
    public void close() {
        closed = true;
        try {
            terminal.close();
        } catch (IOException e) {
            // It is only memory.
        }
    }
}
