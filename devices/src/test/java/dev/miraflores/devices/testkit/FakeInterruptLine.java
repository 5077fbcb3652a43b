// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.devices.InterruptLine;

/** A wire whose level and edges a test can look at. */
public final class FakeInterruptLine implements InterruptLine {

    private boolean asserted;
    private int risingEdges;

    @Override
    public synchronized void set(boolean level) {
        if (level && !asserted) {
            risingEdges++;
        }
        asserted = level;
    }

    public synchronized boolean isAsserted() {
        return asserted;
    }

    public synchronized int risingEdges() {
        return risingEdges;
    }
}
