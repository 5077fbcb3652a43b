// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

/** Something else than the serial port that a terminal can be typed to, after {@code ^A c}. Thread: the one that reads it. */
public interface Alternate {

    /** Takes the first {@code count} of {@code bytes}; must not wait for long. */
    void type(byte[] bytes, int count);
}
