// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.FileBackend;
import dev.miraflores.devices.character.UnixSocketBackend;
import dev.miraflores.launcher.terminal.StdioBackend;
import dev.miraflores.launcher.terminal.TerminalUser;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.FileReason;
import dev.miraflores.sandbox.SandboxPolicy;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * Where a character device's far end is: {@code stdio}, {@code file:PATH}, {@code unix:PATH} or {@code none}.
 *
 * @param option who says it, up to the word itself, for messages
 */
record ConsoleOption(String option, Kind kind, Path path) {

    private static final String CHOICE = "; use stdio, file:PATH, unix:PATH or none";

    enum Kind { STDIO, FILE, UNIX, NONE }

    /** @param option what it was given to, and a space or whatever else goes between */
    static ConsoleOption parse(String option, String text) {
        int colon = text.indexOf(':');
        String kind = colon < 0 ? text : text.substring(0, colon);
        String path = colon < 0 ? "" : text.substring(colon + 1);
        switch (kind) {
            case "stdio", "none" -> {
                if (colon >= 0) {
                    throw wrong(option, text, kind + " takes nothing after it; use " + option + kind);
                }
                return new ConsoleOption(option, kind.equals("stdio") ? Kind.STDIO : Kind.NONE, null);
            }
            case "file", "unix" -> {
                if (path.isEmpty()) {
                    throw wrong(option, text, "no path is named; use " + option + kind + ":PATH");
                }
                return new ConsoleOption(option, kind.equals("file") ? Kind.FILE : Kind.UNIX, path(option, text, path));
            }
            case "pty", "tcp", "telnet", "udp", "mon", "chardev", "vc", "null" ->
                throw wrong(option, text, kind + " is not built yet" + CHOICE);
            default -> throw wrong(option, text, "unknown" + CHOICE);
        }
    }

    /**
     * Opens it.
     *
     * @param user whom somebody at a terminal speaks to
     */
    CharBackend open(TerminalUser user) {
        return switch (kind) {
            case STDIO -> new StdioBackend(user);
            case NONE -> CharBackend.none();
            case FILE, UNIX -> openPath();
        };
    }

    /** What {@link #open} needs at the end: a socket's file is to go. */
    void leaveInReach(SandboxPolicy policy) {
        if (kind == Kind.UNIX) {
            policy.emptiable(path.toAbsolutePath().getParent().toString());
        }
    }

    private CharBackend openPath() {
        boolean file = kind == Kind.FILE;
        try {
            return file ? FileBackend.open(path) : UnixSocketBackend.open(path);
        } catch (IOException e) {
            throw wrong(option, (file ? "file:" : "unix:") + path, (file ? "cannot be written: " : "cannot be made: ") + FileReason.of(e)
                    + "; name another path");
        }
    }

    private static Path path(String option, String text, String path) {
        try {
            return Path.of(path);
        } catch (InvalidPathException e) {
            throw wrong(option, text, "not a file name: " + e.getReason() + "; check the name");
        }
    }

    private static ConfigException wrong(String option, String text, String what) {
        return new ConfigException(option + text + ": " + what);
    }
}
