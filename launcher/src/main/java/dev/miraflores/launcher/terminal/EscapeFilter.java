// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

/**
 * Finds in what is typed the commands that are meant for {@code hv}: {@code ^A} and a letter, as in QEMU's -nographic.
 * <p>Thread: the one that reads the terminal.
 */
final class EscapeFilter {

    /** What {@code ^A h} shows. The terminal is raw: a new line needs its carriage return. */
    static final String HELP = """
            \r
            ^A h    this help\r
            ^A x    end hv\r
            ^A r    go on, where a disk that failed holds the guest\r
            ^A b    send a break (magic SysRq)\r
            ^A c    go from the console to the monitor and back, with --monitor stdio\r
            ^A ^A   send ^A\r
            """;

    private static final int ESCAPE = 'A' & 0x1F;

    private final Commands commands;
    private boolean escaped;

    EscapeFilter(Commands commands) {
        this.commands = commands;
    }

    /** What the escapes do. */
    interface Commands {

        void quit();

        void resume();

        void help();

        void sendBreak();

        void switchOver();
    }

    /** Runs the commands in {@code bytes} and moves all else to the front; returns how much that is. */
    int filter(byte[] bytes, int length) {
        int kept = 0;
        for (int i = 0; i < length; i++) {
            byte typed = bytes[i];
            if (escaped) {
                escaped = false;
                if (typed == ESCAPE) {
                    bytes[kept++] = typed;
                } else {
                    command(typed);
                }
            } else if (typed == ESCAPE) {
                escaped = true;
            } else {
                bytes[kept++] = typed;
            }
        }
        return kept;
    }

    private void command(int letter) {
        switch (letter) {
            case 'x', 'X' -> commands.quit();
            case 'r', 'R' -> commands.resume();
            case 'h', 'H', '?' -> commands.help();
            case 'b', 'B' -> commands.sendBreak();
            case 'c', 'C' -> commands.switchOver();
            default -> { }                     // as in QEMU, not passed on either
        }
    }
}
