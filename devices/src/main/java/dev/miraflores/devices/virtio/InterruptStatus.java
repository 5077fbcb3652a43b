// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.InterruptLine;

/**
 * Why a device's interrupt line is asserted: the ISR status of virtio-pci (virtio 1.3 §4.1.4.5), InterruptStatus of
 * virtio-mmio (§4.2.2). The line is asserted while any bit is set.
 * <p>Thread: any. The lock is this object's own and held for no longer than it takes to set the line.
 */
final class InterruptStatus {

    /** A used buffer in at least one queue. */
    static final int USED_BUFFER = 1;

    /** Configuration has changed. */
    static final int CONFIG_CHANGE = 2;

    private final InterruptLine line;
    private int bits;

    InterruptStatus(InterruptLine line) {
        this.line = line;
    }

    synchronized void raise(int causes) {
        change(bits | causes);
    }

    synchronized void acknowledge(int causes) {
        change(bits & ~causes);
    }

    synchronized int read() {
        return bits;
    }

    synchronized int readAndClear() {
        int before = bits;
        change(0);
        return before;
    }

    private void change(int next) {
        boolean wasAsserted = bits != 0;
        bits = next;
        if (wasAsserted != (next != 0)) {
            line.set(next != 0);
        }
    }
}
