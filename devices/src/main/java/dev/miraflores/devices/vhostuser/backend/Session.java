// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;

/**
 * One front end's connection, from its first message to its last.
 * <p>A front end is trusted no more than a guest: what it sends is refused, by a reply that says so or by the end of the
 * connection, and with the connection goes all that it has given.
 * <p>Thread: the server's; {@link #requestStop} and {@link #configChanged}, any.
 */
final class Session {

    /** A front end that does not read its replies that long is given up. */
    private static final int REPLY_TIMEOUT_MS = 10_000;

    /** A front end on the same host that has more to say has said it by then. */
    private static final int SETTLE_MS = 1;

    private static final long REFUSED = 1;

    private final LimitedLog log;
    private final VhostUserConnection connection;
    private final Commands commands;
    private final Message message = new Message();
    private final Message reply = new Message();

    private final int settleMs;

    Session(VirtioBlockDevice device, UnixSocket socket, LimitedLog log) {
        this(device, socket, log, SETTLE_MS);
    }

    /** @param settleMs how long rings that could start wait for the front end to say more */
    Session(VirtioBlockDevice device, UnixSocket socket, LimitedLog log, int settleMs) {
        this.log = log;
        this.settleMs = settleMs;
        this.connection = new VhostUserConnection(socket);
        this.commands = new Commands(device, log, this::onJam);
    }

    /**
     * Serves the front end until it goes away, or has to go. What is in flight is answered before the connection is closed.
     *
     * @return null, or where the device hangs what is to be done once it does not any more
     */
    Runnable run() {
        try {
            while (step(VhostUserConnection.FOREVER)) {
                // all that there is to do is done there
            }
        } catch (ProtocolException e) {
            log.log(System.Logger.Level.WARNING, "front end dropped: " + e.getMessage());
        } catch (RuntimeException | Error e) {
            // An InternalError is the front end's doing, who has taken memory away (ReceivedFile); the rest is ours.
            log.log(System.Logger.Level.ERROR, "front end dropped: internal error", e);
        }
        return end();
    }

    /**
     * Does what the next message says: whether there was one.
     *
     * @param timeoutMs how long it may take to come
     */
    boolean step(int timeoutMs) throws ProtocolException {
        // Rings run again when there is nothing more to read: a front end says in many messages what is one change, though it
        // may wait for a reply to each.
        if (Poll.poll(connection.number(), Poll.POLLIN, commands.hasToSettle() ? settleMs : 0) <= 0) {
            settle();
        }
        if (!connection.receive(message, timeoutMs)) {
            return false;
        }
        handle();
        return true;
    }

    /** Has the rings run that are to. */
    void settle() {
        commands.settle();
    }

    /** As {@link #run}, of what comes after the last message. */
    Runnable end() {
        try {
            return commands.close();
        } finally {
            message.close();
            reply.close();
            connection.close();
        }
    }

    private void handle() throws ProtocolException {
        FrontendRequest request = FrontendRequest.of(message.code());
        boolean acknowledge = message.needsReply() && commands.acknowledges();
        reply.reply(message.code());
        try (ReplyFd fd = new ReplyFd()) {
            if (request == null || message.isReply()) {
                throw new Refusal("message " + Integer.toUnsignedString(message.code())
                    + (request == null ? " is none that there is" : " is a reply to nothing"));
            }
            if (commands.run(request, message, reply, fd)) {
                connection.send(reply, REPLY_TIMEOUT_MS, fd.numbers());
            } else if (acknowledge) {
                connection.send(reply.u64(0), REPLY_TIMEOUT_MS);
            }
        } catch (Refusal e) {
            if (!acknowledge || hasReply(request)) {
                throw new ProtocolException(e.getMessage()); // there is no way to say so
            }
            log.log(System.Logger.Level.WARNING, "refused: " + e.getMessage());
            connection.send(reply.reply(message.code()).u64(REFUSED), REPLY_TIMEOUT_MS);
        }
    }

    /** Whether the front end would take any reply for what it has asked for. */
    private static boolean hasReply(FrontendRequest request) {
        return request == FrontendRequest.GET_VRING_BASE || request == FrontendRequest.GET_INFLIGHT_FD;
    }

    /** Notifications are the front end's, and nobody waits for it to take them. */
    private void onJam(int ring) {
        log.log(System.Logger.Level.WARNING, "front end dropped: an eventfd that it gave for ring " + ring
            + " is full, and was made one that waits");
        requestStop();
    }

    /** The configuration is another. */
    void configChanged() {
        commands.configChanged();
    }

    /** Ends it, soon, with what is in flight answered. */
    void requestStop() {
        connection.shutdownReceive();
    }
}
