// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.vhostuser.BackendRequest;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.UnixSocket;

/**
 * The way for what we ask of a front end ("Back-end communication"): that it reads the configuration anew. No reply is asked
 * for, so that nobody waits for a front end.
 * <p>Thread: any.
 */
final class BackendChannel implements AutoCloseable {

    /** A front end that has not read that long what was sent before is told nothing. */
    private static final int TIMEOUT_MS = 100;

    private final VhostUserConnection connection;
    private final Message message = new Message();

    private BackendChannel(VhostUserConnection connection) {
        this.connection = connection;
    }

    /** SET_BACKEND_REQ_FD. */
    static BackendChannel adopt(Fd fd) throws Refusal {
        if (fd == null) {
            throw new Refusal("a back-end channel without a descriptor");
        }
        if (!FileIo.fstat(fd.number()).isSocket()) {
            fd.close();
            throw new Refusal("a back-end channel that is no socket");
        }
        return new BackendChannel(new VhostUserConnection(UnixSocket.adopt(fd)));
    }

    /** VHOST_USER_BACKEND_CONFIG_CHANGE_MSG: whether it was sent. */
    synchronized boolean configChanged() {
        try {
            connection.send(message.request(BackendRequest.CONFIG_CHANGE_MSG), TIMEOUT_MS);
            return true;
        } catch (ProtocolException | IllegalStateException e) {
            return false; // it is gone, or does not listen; or the channel was closed just now
        }
    }

    @Override
    public synchronized void close() {
        connection.close();
        message.close();
    }
}
