// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.BackendRequest;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;

/**
 * What the back end asks of us ("Back-end communication"): to read its configuration again, and nothing else that we grant.
 * <p>Thread: one at a time.
 * <p>Lifetime: {@link #handedOver} once the back end has its end; {@link #close} ends ours.
 */
final class BackendChannel implements AutoCloseable {

    /** Somebody who sends without end gets as many answers in one turn. */
    private static final int MESSAGES_PER_TURN = 64;

    /** A message that has begun is there as a whole, or its sender is up to something. */
    private static final int REST_MS = 100;

    private final VhostUserConnection connection;
    private final UnixSocket theirs;
    private final Message message = new Message();
    private boolean configChanged;
    private boolean open = true;

    BackendChannel() {
        this(UnixSocket.pair());
    }

    /** @param ends ours and the back end's */
    BackendChannel(UnixSocket[] ends) {
        connection = new VhostUserConnection(ends[0]);
        theirs = ends[1];
    }

    /** The number of our end, for poll and the like. */
    int number() {
        return connection.number();
    }

    /** The number of the back end's end, to be sent. */
    int theirNumber() {
        return theirs.number();
    }

    /** The back end has its end: we do without, or we would not see when it closes it. */
    void handedOver() {
        theirs.close();
    }

    boolean isOpen() {
        return open;
    }

    /** Answers what has come, without waiting for more; a back end that breaks the protocol loses the channel. */
    void serve() {
        try {
            for (int i = 0; i < MESSAGES_PER_TURN && open && isReadable(); i++) {
                if (!connection.receive(message, REST_MS)) {
                    close();
                    return;
                }
                answer();
            }
        } catch (ProtocolException e) {
            close();
        }
    }

    private boolean isReadable() {
        // The end of the connection is read, too.
        return Poll.isReady(connection.number(), Poll.POLLIN | Poll.POLLHUP | Poll.POLLERR);
    }

    private void answer() throws ProtocolException {
        BackendRequest request = BackendRequest.of(message.code());
        boolean granted = request == BackendRequest.CONFIG_CHANGE_MSG && message.fdCount() == 0;
        configChanged |= granted;
        boolean wantsReply = message.needsReply();
        int code = message.code();
        // None of what we grant brings descriptors.
        message.close();
        if (wantsReply) {
            connection.send(message.reply(code).u64(granted ? 0 : 1), 0);
        }
    }

    /** Whether the back end has said so since the last call. */
    boolean takeConfigChange() {
        boolean taken = configChanged;
        configChanged = false;
        return taken;
    }

    @Override
    public void close() {
        open = false;
        message.close();
        theirs.close();
        connection.close();
    }
}
