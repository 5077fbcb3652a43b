// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

/** The console's size, which whoever is at the far end may change at any time. Thread: any. */
final class ConsoleSize {

    private static final int MAX = 0xFFFF;

    private volatile int packed;
    private volatile int changes;

    synchronized void set(int columns, int rows) {
        packed = Math.clamp(columns, 0, MAX) << 16 | Math.clamp(rows, 0, MAX);
        changes++;
    }

    /** Both at once, for {@link #columns} and {@link #rows}. */
    int packed() {
        return packed;
    }

    static int columns(int packed) {
        return packed >>> 16;
    }

    static int rows(int packed) {
        return packed & MAX;
    }

    /** How often it was set. */
    int changes() {
        return changes;
    }
}
