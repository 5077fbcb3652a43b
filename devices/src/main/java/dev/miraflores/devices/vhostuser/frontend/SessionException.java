// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

/** A connection to a back end has come to its end; the message is one line. No stack trace: the back end can cause it at will. */
final class SessionException extends Exception {

    private static final long serialVersionUID = 1L;

    /** What follows from it. */
    enum Kind {
        /** The back end went away, or does not answer: another connection may go on from here. */
        LOST,
        /** It broke the protocol, or refused what it has to do: there is no point in asking again. */
        BROKEN
    }

    private final Kind kind;
    private final int errno;

    SessionException(Kind kind, String message) {
        this(kind, message, 0);
    }

    /** @param errno that of the call that failed, positive; 0 where none did */
    SessionException(Kind kind, String message, int errno) {
        super(message, null, false, false);
        this.kind = kind;
        this.errno = errno;
    }

    int errno() {
        return errno;
    }

    Kind kind() {
        return kind;
    }
}
