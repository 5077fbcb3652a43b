// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

/**
 * What somebody at a terminal can ask of the machine behind it.
 * <p>Thread: {@code quit}, the one that reads the terminal, and so it does not wait; {@code resume}, one of its own.
 */
public interface TerminalUser {

    /** {@code ^A x}: ends it. */
    void quit();

    /** {@code ^A r}: lets it go on. */
    void resume();
}
