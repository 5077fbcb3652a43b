// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.json;

import java.util.Arrays;

/**
 * Finds in what a client sends the values that it is made of, which nothing has to stand between. It counts brackets as QEMU
 * does, and so what was wrong ends where it does there: a byte that can be nowhere in JSON (a control character, 0xFF) drops
 * what has not ended and begins anew (docs/interop/qmp-spec, section 2.6); that is also how a line that breaks off in a string
 * ends. Whatever comes, a bounded number of bytes is held.
 * <p>Thread: one.
 */
public final class JsonFramer {

    /** The longest value; QEMU takes 64 MiB, which no command has a use for. */
    public static final int MAX_BYTES = 1 << 20;

    private static final int FIRST_BYTES = 512;
    private static final int NO_QUOTE = 0;

    /** What comes of it. */
    public interface Sink {

        /** A whole value, right or wrong inside. */
        void value(byte[] text);

        /** Something that is none, in QEMU's words. */
        void error(String description);
    }

    private final Sink sink;
    private byte[] held = new byte[FIRST_BYTES];
    private int length;
    private int braces;
    private int brackets;
    private int quote = NO_QUOTE;
    private boolean escaped;
    /** In a number or a word outside of all brackets. */
    private boolean word;
    /** What is open has been refused already. */
    private boolean refused;
    /** Behind a byte that can be nowhere, up to the next that can begin something. */
    private boolean recovering;

    public JsonFramer(Sink sink) {
        this.sink = sink;
    }

    /** Takes the first {@code count} of {@code bytes}. */
    public void feed(byte[] bytes, int count) {
        for (int i = 0; i < count; i++) {
            take(bytes[i]);
        }
    }

    /** How much is held of a value that has not ended. */
    public int heldBytes() {
        return length;
    }

    private void take(byte next) {
        int c = next & 0xFF;
        if (isNowhere(c)) {
            stray(c);
        } else if (quote != NO_QUOTE) {
            hold(next);
            inString(c);
        } else if (recovering && !endsRecovery(c)) {
            return;
        } else {
            recovering = false;
            outside(next, c);
        }
    }

    private boolean isNowhere(int c) {
        boolean control = c < ' ' && (quote != NO_QUOTE || c != '\t' && c != '\r' && c != '\n');
        return control || c >= 0xFE || quote == NO_QUOTE && !recovering && !canBeOutside(c);
    }

    private static boolean canBeOutside(int c) {
        return isSpace(c) || isWord(c) || "{}[],:\"'".indexOf(c) >= 0;
    }

    private static boolean endsRecovery(int c) {
        return isSpace(c) || "{}[],:\"'".indexOf(c) >= 0;
    }

    private static boolean isSpace(int c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
    }

    private static boolean isWord(int c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.'
                || c == '_';
    }

    private void stray(int c) {
        boolean told = refused;
        // A line that breaks off within a string is over, and the next one is whole again.
        recovering = c >= ' ';
        reset();
        if (!told) {
            sink.error("JSON parse error, stray " + (c > ' ' && c < 0x7F ? "'" + (char) c + "'" : "byte " + c));
        }
    }

    private void inString(int c) {
        if (escaped) {
            escaped = false;
        } else if (c == '\\') {
            escaped = true;
        } else if (c == quote) {
            quote = NO_QUOTE;
            endIfComplete();
        }
    }

    private void outside(byte next, int c) {
        boolean inside = braces > 0 || brackets > 0;
        if (!inside && word && !isWord(c)) {
            word = false;
            end();
        }
        if (isSpace(c)) {
            if (inside) {
                hold(next);
            }
            return;
        }
        hold(next);
        if (isWord(c)) {
            word = !inside;
            return;
        }
        switch (c) {
            case '"', '\'' -> quote = c;
            case '{' -> braces++;
            case '}' -> braces--;
            case '[' -> brackets++;
            case ']' -> brackets--;
            default -> { }
        }
        if (braces + brackets > Json.MAX_NESTING) {
            refuse("JSON nesting depth limit exceeded");
        }
        if (quote == NO_QUOTE) {
            endIfComplete();
        }
    }

    private void endIfComplete() {
        if (braces < 0 || brackets < 0 || braces == 0 && brackets == 0) {
            end();
        }
    }

    private void end() {
        boolean told = refused;
        byte[] text = Arrays.copyOf(held, length);
        reset();
        if (!told) {
            sink.value(text);
        }
    }

    private void reset() {
        length = 0;
        held = held.length > FIRST_BYTES ? new byte[FIRST_BYTES] : held;
        braces = 0;
        brackets = 0;
        quote = NO_QUOTE;
        escaped = false;
        word = false;
        refused = false;
    }

    private void hold(byte next) {
        if (refused) {
            return;
        }
        if (length == MAX_BYTES) {
            refuse("JSON token size limit exceeded");
            return;
        }
        if (length == held.length) {
            held = Arrays.copyOf(held, 2 * length);
        }
        held[length++] = next;
    }

    /** Says so once; the rest of it is passed over, and what comes behind it is a value again. */
    private void refuse(String why) {
        if (!refused) {
            refused = true;
            length = 0;
            sink.error(why);
        }
    }
}
