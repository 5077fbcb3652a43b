// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

/**
 * Hears how much memory the guest has.
 * <p>Thread: the balloon's I/O thread; does not wait. Once a second at most, and the last change is told always.
 */
public interface BalloonListener {

    /** @param actualBytes guest memory without what is in the balloon, as the driver says */
    void changed(long actualBytes);
}
