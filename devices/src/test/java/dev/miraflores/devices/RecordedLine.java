// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

/** An interrupt line that remembers its level and counts its rising edges. */
public final class RecordedLine implements InterruptLine {

    private boolean asserted;
    private int edges;

    public RecordedLine() {
        // Low, as any line begins.
    }

    @Override
    public synchronized void set(boolean wanted) {
        if (wanted && !asserted) {
            edges++;
        }
        asserted = wanted;
        notifyAll();
    }

    public synchronized boolean asserted() {
        return asserted;
    }

    public synchronized int edges() {
        return edges;
    }

    /** Waits up to ten seconds for the line to be high. */
    public synchronized boolean awaitAsserted() throws InterruptedException {
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (!asserted && System.nanoTime() < deadline) {
            wait(100);
        }
        return asserted;
    }
}
