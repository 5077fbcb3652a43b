// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

/**
 * One wire that several devices pull: asserted while any of them asserts it, as the level-triggered interrupts of PCI
 * are shared (PCI 3.0 §2.2.6).
 * <p>Thread: any, at each of its inputs.
 */
public final class WiredOr {

    private final InterruptLine wire;
    private int asserting;

    /** Joins the inputs made here into {@code wire}. */
    public WiredOr(InterruptLine wire) {
        this.wire = wire;
    }

    /** A further input, not asserted. */
    public InterruptLine input() {
        return new Input();
    }

    private final class Input implements InterruptLine {

        private boolean level;

        @Override
        public void set(boolean asserted) {
            // The wire is set under the lock: two changes in a row must reach the controller in their order.
            synchronized (WiredOr.this) {
                if (level == asserted) {
                    return;
                }
                level = asserted;
                asserting += asserted ? 1 : -1;
                if (asserting == (asserted ? 1 : 0)) {
                    wire.set(asserted);
                }
            }
        }
    }
}
