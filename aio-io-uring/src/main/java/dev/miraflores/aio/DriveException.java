// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** A drive cannot be opened. The message is the one line for whoever named it: which, what is wrong, what to do. */
public final class DriveException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public DriveException(String message) {
        super(message);
    }
}
