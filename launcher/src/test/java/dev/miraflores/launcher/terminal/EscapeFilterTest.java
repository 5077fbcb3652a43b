// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class EscapeFilterTest {

    private final StringBuilder done = new StringBuilder();
    private final EscapeFilter filter = new EscapeFilter(new EscapeFilter.Commands() {
        @Override
        public void quit() {
            done.append("quit ");
        }

        @Override
        public void resume() {
            done.append("resume ");
        }

        @Override
        public void help() {
            done.append("help ");
        }

        @Override
        public void sendBreak() {
            done.append("break ");
        }

        @Override
        public void switchOver() {
            done.append("switch ");
        }
    });

    private String type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        return new String(bytes, 0, filter.filter(bytes, bytes.length), StandardCharsets.ISO_8859_1);
    }

    @Test
    void shouldPassOnWhatIsNoEscape() {
        assertEquals("ls -l\r\u0003\u00ff", type("ls -l\r\u0003\u00ff"));
        assertEquals("", done.toString());
    }

    @Test
    void shouldRunEachCommandAndPassOnTheRest() {
        assertEquals("abcde", type("a\u0001xb\u0001hc\u0001bd\u0001re\u0001c"));
        assertEquals("quit help break resume switch ", done.toString());
    }

    @Test
    void shouldPassOnTheEscapeItselfWhenTypedTwice() {
        assertEquals("\u0001x", type("\u0001\u0001x"));
        assertEquals("", done.toString());
    }

    @Test
    void shouldSwallowAnUnknownCommand() {
        assertEquals("q", type("\u0001zq"));
    }

    @Test
    void shouldRememberTheEscapeWhenTheCommandComesLater() {
        assertEquals("a", type("a\u0001"));
        assertEquals("", type("x"));
        assertEquals("quit ", done.toString());
    }
}
