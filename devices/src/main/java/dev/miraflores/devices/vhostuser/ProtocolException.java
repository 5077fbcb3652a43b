// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

/**
 * The other side broke the protocol, went away in the middle, or does not answer: the connection is of no use any more. One
 * line says what was wrong. It carries no stack trace, since the other side can cause as many as it likes.
 */
public final class ProtocolException extends Exception {

    private static final long serialVersionUID = 1L;

    public ProtocolException(String message) {
        super(message, null, false, false);
    }
}
