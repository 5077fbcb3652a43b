// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

/**
 * What somebody at a terminal can ask of the machine behind it.
 * <p>Thread: the one that reads the terminal.
 */
public interface TerminalUser {

    /** {@code ^A x}: ends it. */
    void quit();

    /** {@code ^A r}: lets it go on. */
    void resume();
}
