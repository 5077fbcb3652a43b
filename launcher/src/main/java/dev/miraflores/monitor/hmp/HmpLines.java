// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * A conversation line by line, with somebody who has a line editor of their own, or none: a socket, a pipe.
 * <p>Thread: one.
 */
final class HmpLines {

    static final String PROMPT = "(hv) ";
    /** Longer than any command. */
    static final int MAX_LINE_BYTES = 4096;

    private final HmpCommands commands;
    private final InputStream in;
    private final OutputStream out;
    private final byte[] line = new byte[MAX_LINE_BYTES];
    private int length;
    private boolean tooLong;

    HmpLines(HmpCommands commands, InputStream in, OutputStream out) {
        this.commands = commands;
        this.in = in;
        this.out = out;
    }

    static String banner(String version) {
        return "Miraflores " + version + " monitor - type 'help' for more information\n";
    }

    /** Greets, and answers until the other side ends. */
    void run(String version) throws IOException {
        say(banner(version) + PROMPT);
        byte[] bytes = new byte[1024];
        for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
            for (int i = 0; i < count; i++) {
                take(bytes[i]);
            }
        }
    }

    private void take(byte next) throws IOException {
        if (next == '\n') {
            String text = new String(line, 0, length, StandardCharsets.UTF_8);
            say((tooLong ? "a line of more than " + MAX_LINE_BYTES + " bytes is no command\n" : commands.run(text)) + PROMPT);
            length = 0;
            tooLong = false;
        } else if (length == MAX_LINE_BYTES) {
            tooLong = true;
        } else if (next != '\r') {
            line[length++] = next;
        }
    }

    private void say(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
        out.flush();
    }
}
