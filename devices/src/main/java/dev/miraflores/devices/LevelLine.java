// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

/**
 * Passes on only what changes a line's level, since each {@link InterruptLine#set} may be a system call.
 * <p>Thread: one at a time; its owner locks.
 */
public final class LevelLine implements InterruptLine {

    private final InterruptLine line;
    private boolean asserted;

    public LevelLine(InterruptLine line) {
        this.line = line;
    }

    @Override
    public void set(boolean wanted) {
        if (wanted != asserted) {
            asserted = wanted;
            line.set(wanted);
        }
    }
}
