// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/** A device did not become still in time, so that nothing was changed. The message says what it waited for. */
public final class DrainException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public DrainException(String message) {
        super(message);
    }
}
