// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

/** A mirror cannot do what was asked. The message is one line, which names the drive and the target. */
public final class MirrorException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public MirrorException(String message) {
        super(message);
    }
}
