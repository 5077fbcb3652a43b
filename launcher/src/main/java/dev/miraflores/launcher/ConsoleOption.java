// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.serial.CharBackend;
import dev.miraflores.devices.serial.FileBackend;
import dev.miraflores.launcher.terminal.StdioBackend;
import dev.miraflores.machine.ConfigException;
import java.io.IOException;
import java.nio.file.Path;

/** What {@code --console} says: {@code stdio}, {@code file:PATH} or {@code none}. */
record ConsoleOption(Kind kind, Path path) {

    private static final String OPTION = "--console";

    enum Kind { STDIO, FILE, NONE }

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
            case "file" -> {
                if (path.isEmpty()) {
                    throw wrong(text, "no file is named; use --console file:PATH");
                }
                return new ConsoleOption(Kind.FILE, Path.of(path));
            }
            case "unix", "pty", "tcp", "telnet", "udp", "mon", "chardev", "vc", "null" ->
                throw wrong(text, kind + " is not built yet; use stdio, file:PATH or none");
            default -> throw wrong(text, "unknown; use stdio, file:PATH or none");
        }
    }

    /**
     * Opens it.
     *
     * @param onQuit called when somebody at a terminal wants to end hv
     */
    CharBackend open(Runnable onQuit) {
        return switch (kind) {
            case STDIO -> new StdioBackend(onQuit);
            case NONE -> CharBackend.none();
            case FILE -> openFile();
        };
    }

    private CharBackend openFile() {
        try {
            return FileBackend.open(path);
        } catch (IOException e) {
            throw wrong("file:" + path, "cannot be written (" + e.getClass().getSimpleName() + "); name another file");
        }
    }

    private static ConfigException wrong(String text, String what) {
        return new ConfigException(OPTION + " " + text + ": " + what);
    }
}
