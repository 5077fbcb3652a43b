// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.linux.Fd;

/** One peer, connected from the start, and none after it. */
public abstract class SinglePeer implements PeerSource {

    private final String description;
    private int socket;

    /** @param socket on which no call blocks; this object's until it is taken */
    protected SinglePeer(String description, int socket) {
        this.description = description;
        this.socket = socket;
    }

    @Override
    public final String description() {
        return description;
    }

    /** Once. */
    @Override
    public final int next() {
        int number = socket;
        socket = NONE;
        return number;
    }

    @Override
    public final void end() {
        // next() does not wait.
    }

    @Override
    public final void close() {
        if (socket >= 0) {
            Fd.close(socket);
            socket = NONE;
        }
    }
}
