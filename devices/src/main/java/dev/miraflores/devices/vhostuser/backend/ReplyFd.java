// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.linux.Fd;

/** The descriptor that goes with a reply, if one does; closed here once it was sent. Thread: the session's. */
final class ReplyFd implements AutoCloseable {

    private static final int[] NONE = {};

    private Fd fd;

    void set(Fd descriptor) {
        fd = descriptor;
    }

    int[] numbers() {
        return fd == null ? NONE : new int[] {fd.number()};
    }

    @Override
    public void close() {
        if (fd != null) {
            fd.close();
            fd = null;
        }
    }
}
