// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/** A NIC's back end cannot be set up. The message is the one line for whoever asked for it: which, what is wrong, what to do. */
public final class NetException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public NetException(String message) {
        super(message);
    }
}
