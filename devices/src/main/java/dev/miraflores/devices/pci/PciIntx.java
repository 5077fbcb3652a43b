// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import dev.miraflores.devices.InterruptLine;

/**
 * The INTA# pin of a function, between the device that asserts it and the wire of its slot.
 * <p>Thread: {@code set}, any; the rest under the {@link PciRoot}'s lock.
 * <p>Source: PCI 3.0 §2.2.6, §6.2.2 (Interrupt Disable), §6.2.3 (Interrupt Status).
 */
final class PciIntx implements InterruptLine {

    private InterruptLine wire;
    private boolean asserted;
    private boolean disabled;
    private boolean replacedByMsix;

    @Override
    public synchronized void set(boolean level) {
        asserted = level;
        drive();
    }

    /** Whether the Interrupt Status bit reads as one: Interrupt Disable does not affect it. */
    synchronized boolean isPending() {
        return asserted && !replacedByMsix;
    }

    synchronized void setDisabled(boolean on) {
        disabled = on;
        drive();
    }

    /** A function with MSI-X enabled must not use its pin (§6.8.2.3). */
    synchronized void setReplacedByMsix(boolean on) {
        replacedByMsix = on;
        drive();
    }

    synchronized void connect(InterruptLine to) {
        wire = to;
        drive();
    }

    synchronized void disconnect() {
        if (wire != null) {
            wire.set(false);
            wire = null;
        }
    }

    private void drive() {
        if (wire != null) {
            wire.set(asserted && !disabled && !replacedByMsix);
        }
    }
}
