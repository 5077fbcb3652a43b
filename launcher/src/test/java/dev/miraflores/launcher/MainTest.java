// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class MainTest {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int hv(String... words) {
        return Main.run(words, new Console(new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8)));
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldListTheCommandsWhenAskedForHelp() {
        assertEquals(0, hv("--help"));
        assertTrue(out().contains("doctor"), out());
        assertEquals("", err());
    }

    @Test
    void shouldPrintItsVersion() {
        assertEquals(0, hv("--version"));
        assertTrue(out().startsWith("hv "), out());
    }

    @Test
    void shouldShowHelpAsAnErrorWhenNothingIsAskedFor() {
        assertEquals(2, hv());
        assertTrue(err().contains("Usage: hv"), err());
    }

    @Test
    void shouldHelpWithACommand() {
        assertEquals(0, hv("doctor", "--help"));
        assertTrue(out().contains("--json"), out());
    }

    @Test
    void shouldRefuseAnUnknownCommandInOneLine() {
        assertEquals(2, hv("docter"));
        assertTrue(err().startsWith("hv: docter: no such command; commands are "), err());
        assertEquals(1, err().lines().count());
    }

    @Test
    void shouldRefuseAnUnknownOptionInOneLine() {
        assertEquals(2, hv("doctor", "--jsno"));
        assertEquals("hv: Unknown option: '--jsno'; see hv doctor --help\n", err());
    }

    @Test
    void shouldShowTheStackTraceWhenVerbose() {
        assertEquals(2, hv("doctor", "--jsno", "--verbose"));
        assertTrue(err().lines().count() > 2, err());
    }
}
