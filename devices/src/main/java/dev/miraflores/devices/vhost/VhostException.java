// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

/** The host's kernel cannot serve a device: the message is one line that names the thing, why, and the way out. */
public final class VhostException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public VhostException(String message) {
        super(message);
    }
}
