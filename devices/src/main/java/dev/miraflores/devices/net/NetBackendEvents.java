// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * How a back end speaks to its NIC.
 * <p>Thread: any but the NIC's own; neither call waits.
 */
public interface NetBackendEvents {

    /** Whether there is anybody at the other end: the guest sees it as its link's state, unless the operator has set that down. */
    void linkChanged(boolean up);

    /**
     * Runs {@code change} where the pair's port is used, so between two packets, and looks at its descriptor anew: for who connects
     * again. The descriptor that was there is not watched any more when {@code change} runs, and may be closed by it.
     */
    void changePort(int pair, Runnable change);
}
