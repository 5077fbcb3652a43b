// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.FileBackend;
import dev.miraflores.devices.character.UnixSocketBackend;
import dev.miraflores.launcher.terminal.StdioBackend;
import dev.miraflores.launcher.terminal.TerminalUser;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.sandbox.SandboxPolicy;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** What {@code --console} says: {@code stdio}, {@code file:PATH}, {@code unix:PATH} or {@code none}. */
record ConsoleOption(Kind kind, Path path) {

    private static final String OPTION = "--console";

    private static final String CHOICE = "; use stdio, file:PATH, unix:PATH or none";

    enum Kind { STDIO, FILE, UNIX, NONE }

    static ConsoleOption parse(String text) {
        int colon = text.indexOf(':');
        String kind = colon < 0 ? text : text.substring(0, colon);
        String path = colon < 0 ? "" : text.substring(colon + 1);
        switch (kind) {
            case "stdio", "none" -> {
                if (colon >= 0) {
                    throw wrong(text, kind + " takes nothing after it; use --console " + kind);
                }
                return new ConsoleOption(kind.equals("stdio") ? Kind.STDIO : Kind.NONE, null);
            }
            case "file", "unix" -> {
                if (path.isEmpty()) {
                    throw wrong(text, "no path is named; use --console " + kind + ":PATH");
                }
                return new ConsoleOption(kind.equals("file") ? Kind.FILE : Kind.UNIX, Path.of(path));
            }
            case "pty", "tcp", "telnet", "udp", "mon", "chardev", "vc", "null" ->
                throw wrong(text, kind + " is not built yet" + CHOICE);
            default -> throw wrong(text, "unknown" + CHOICE);
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
            throw wrong((file ? "file:" : "unix:") + path, (file ? "cannot be written: " : "cannot be made: ") + why(e)
                    + "; name another path");
        }
    }

    /** The JDK's file exceptions say what is wrong with their names, and repeat the path as their message. */
    private static String why(IOException e) {
        String reason = e instanceof FileSystemException file ? file.getReason() : e.getMessage();
        return reason == null ? e.getClass().getSimpleName() : reason;
    }

    private static ConfigException wrong(String text, String what) {
        return new ConfigException(OPTION + " " + text + ": " + what);
    }
}
