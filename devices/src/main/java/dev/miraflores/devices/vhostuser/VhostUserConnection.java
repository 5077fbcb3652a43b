// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.MAX_FDS;
import static dev.miraflores.devices.vhostuser.MessageLayout.MAX_PAYLOAD_BYTES;
import static dev.miraflores.devices.vhostuser.MessageLayout.PAYLOAD_OFFSET;
import static dev.miraflores.devices.vhostuser.MessageLayout.VERSION;
import static dev.miraflores.devices.vhostuser.MessageLayout.VERSION_MASK;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;
import java.lang.foreign.MemorySegment;

/**
 * Messages over a socket, whole ones, whichever end we are and whatever pieces they come in.
 * <p>Thread: one receives and one sends at a time; {@link #shutdown} from any calls them out.
 * <p>Lifetime: owns the socket.
 */
public final class VhostUserConnection implements AutoCloseable {

    /** Waits as long as it takes. */
    public static final int FOREVER = -1;

    /** Who says half a message and falls silent holds a seat that others wait for. */
    private static final int REST_MS = 10_000;

    private static final long NS_PER_MS = 1_000_000L;

    private final UnixSocket socket;
    private final int restMs;

    public VhostUserConnection(UnixSocket socket) {
        this(socket, REST_MS);
    }

    /** @param restMs how long the rest of a message may take that was waited for as long as it takes */
    VhostUserConnection(UnixSocket socket, int restMs) {
        this.socket = socket;
        this.restMs = restMs;
    }

    /**
     * Receives the next message, with its descriptors.
     *
     * @param timeoutMs how long it may take until the whole message is there, however slowly it trickles in; or {@link #FOREVER},
     *                  which is until one begins
     * @return false when the other side has closed the connection between two messages
     * @throws ProtocolException when it breaks the protocol, or takes too long
     */
    public boolean receive(Message into, int timeoutMs) throws ProtocolException {
        into.fds().close();
        long startNs = System.nanoTime();
        if (!fill(into, 0, PAYLOAD_OFFSET, startNs, timeoutMs)) {
            return false;
        }
        if ((into.flags() & VERSION_MASK) != VERSION) {
            throw new ProtocolException(describe(into) + ": version " + (into.flags() & VERSION_MASK) + " in the flags");
        }
        if (Integer.compareUnsigned(into.size(), MAX_PAYLOAD_BYTES) > 0) {
            throw new ProtocolException(describe(into) + ": a payload of " + Integer.toUnsignedString(into.size())
                + " bytes, " + MAX_PAYLOAD_BYTES + " at most");
        }
        fill(into, PAYLOAD_OFFSET, PAYLOAD_OFFSET + into.size(), startNs, timeoutMs);
        return true;
    }

    /** Reads up to {@code end}; no further, or bytes and descriptors of the next message would be in this one. */
    private boolean fill(Message into, int start, int end, long startNs, int timeoutMs)
            throws ProtocolException {
        int at = start;
        long begunNs = 0;
        while (at < end) {
            int rc = socket.receive(into.bytes().asSlice(at, end - at), into.fds());
            if (rc == -Errno.EAGAIN && at > 0 && timeoutMs == FOREVER) {
                begunNs = begunNs == 0 ? System.nanoTime() : begunNs;
                await(Poll.POLLIN, begunNs, restMs, "the rest of a message did not come");
            } else if (rc == -Errno.EAGAIN) {
                await(Poll.POLLIN, startNs, timeoutMs, "no whole message came");
            } else if (rc == 0 || rc == -Errno.ECONNRESET) {
                if (at == 0) {
                    return false;
                }
                throw new ProtocolException("the connection ended after " + at + " bytes of a message");
            } else if (rc < 0 && rc != -Errno.EINTR) {
                throw new ProtocolException("recvmsg: " + Errno.name(-rc));
            } else if (into.fds().count() > MAX_FDS) {
                throw new ProtocolException("a message with " + into.fds().count() + " descriptors, " + MAX_FDS + " at most");
            } else if (rc > 0) {
                at += rc;
            }
        }
        return true;
    }

    /**
     * Sends a message.
     *
     * @param timeoutMs how long the other side may keep us waiting for room, or {@link #FOREVER}
     * @param fds descriptors that go with it, and stay the caller's
     * @throws ProtocolException when the other side is gone, or takes too long
     */
    public void send(Message message, int timeoutMs, int... fds) throws ProtocolException {
        MemorySegment bytes = message.bytes().asSlice(0, PAYLOAD_OFFSET + (long) message.size());
        long startNs = System.nanoTime();
        long at = 0;
        while (at < bytes.byteSize()) {
            // Descriptors go with the first byte and only once.
            int rc = at == 0 ? socket.send(bytes, fds) : socket.send(bytes.asSlice(at));
            if (rc == -Errno.EAGAIN) {
                await(Poll.POLLOUT, startNs, timeoutMs, "no room for a message was made");
            } else if (rc > 0) {
                at += rc;
            } else if (rc != -Errno.EINTR) {
                throw new ProtocolException("sendmsg: " + Errno.name(-rc));
            }
        }
    }

    private void await(int events, long startNs, int timeoutMs, String what) throws ProtocolException {
        int leftMs = timeoutMs;
        if (timeoutMs != FOREVER) {
            leftMs = (int) Math.max(0, timeoutMs - (System.nanoTime() - startNs) / NS_PER_MS);
        }
        int rc = Poll.poll(socket.number(), events, leftMs);
        if (rc == 0) {
            throw new ProtocolException(what + " for " + timeoutMs + " ms");
        }
        if (rc < 0 && rc != -Errno.EINTR) {
            throw new ProtocolException("poll: " + Errno.name(-rc));
        }
    }

    private static String describe(Message message) {
        return "message " + Integer.toUnsignedString(message.code());
    }

    /** The socket's number, for poll and the like. */
    public int number() {
        return socket.number();
    }

    /** Ends the connection; whoever receives or sends is called out. */
    public void shutdown() {
        socket.shutdown();
    }

    /** Receives nothing any more, but for what has come already; the other side may not notice before the connection is closed. */
    public void shutdownReceive() {
        socket.shutdownReceive();
    }

    @Override
    public void close() {
        socket.close();
    }
}
