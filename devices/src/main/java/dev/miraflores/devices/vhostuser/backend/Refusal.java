// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

/**
 * A request that cannot be done, by the front end's fault; nothing has changed. Where it asked for a reply it gets one that
 * says so, otherwise the connection is closed. No stack trace: a front end can cause as many as it likes.
 */
final class Refusal extends Exception {

    private static final long serialVersionUID = 1L;

    Refusal(String message) {
        super(message, null, false, false);
    }
}
