// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

/**
 * A wire into the interrupt controller, level-triggered or edge-triggered as the controller is set up.
 * <p>Thread: any.
 */
@FunctionalInterface
public interface InterruptLine {

    /** Sets the level of the wire; setting the level it has changes nothing. */
    void set(boolean asserted);
}
