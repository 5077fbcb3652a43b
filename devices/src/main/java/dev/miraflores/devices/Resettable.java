// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

/**
 * A part of a board that a reset of the whole machine puts back to where it was when it was made: registers, what is pending,
 * interrupt lines. What is behind it on the host (files, sockets, programs, what an operator has set) stays as it is.
 * <p>Thread: any, while no vCPU runs.
 */
public interface Resettable {

    /** Returns once nothing of the guest before is left in it. */
    void reset();
}
