// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.socket;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.ReceivedFds;
import dev.miraflores.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;

/**
 * A client at a Unix socket, which may send descriptors along with what it says. Those that came last are kept until they are taken,
 * others come, or it goes; so that a client costs no more of them than one message brings.
 * <p>Thread: one that reads, one that writes; {@link #close}, any, which calls both out.
 */
public final class UnixChannel implements ByteChannel {

    private static final int CHUNK_BYTES = 4096;

    private final UnixSocket socket;
    private final ReceivedFds received = new ReceivedFds();
    private int users;
    private boolean closed;

    UnixChannel(UnixSocket socket) {
        this.socket = socket;
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
        if (!into.hasRemaining()) {
            return 0;
        }
        begin();
        try (Arena arena = Arena.ofConfined(); ReceivedFds fds = new ReceivedFds()) {
            MemorySegment bytes = arena.allocate(Math.min(into.remaining(), CHUNK_BYTES));
            int count = receive(bytes, fds);
            keep(fds);
            into.put(bytes.asByteBuffer().limit(Math.max(0, count)));
            return count == 0 ? -1 : count;
        } finally {
            end();
        }
    }

    private int receive(MemorySegment bytes, ReceivedFds fds) throws IOException {
        while (true) {
            int rc = socket.receive(bytes, fds);
            if (rc == -Errno.EAGAIN) {
                await(Poll.POLLIN);
            } else if (rc < 0 && rc != -Errno.EINTR) {
                throw new IOException("recvmsg: " + Errno.name(-rc));
            } else if (rc >= 0) {
                return rc;
            }
        }
    }

    private synchronized void keep(ReceivedFds fds) {
        if (fds.count() == 0) {
            return;
        }
        received.close();
        for (Fd fd = fds.take(); fd != null; fd = fds.take()) {
            received.add(fd);
        }
        if (closed) {
            received.close();
        }
    }

    /**
     * The first descriptor that came with what was read last, from now on the caller's; null where there is none. Others that came
     * with it are closed: a later command must not take them for its own.
     */
    public synchronized Fd takeDescriptor() {
        Fd first = received.take();
        received.close();
        return first;
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
        begin();
        try (Arena arena = Arena.ofConfined()) {
            int wanted = Math.min(from.remaining(), CHUNK_BYTES);
            MemorySegment bytes = arena.allocate(wanted);
            bytes.asByteBuffer().put(from.slice(from.position(), wanted));
            int count = wanted == 0 ? 0 : send(bytes);
            from.position(from.position() + count);
            return count;
        } finally {
            end();
        }
    }

    private int send(MemorySegment bytes) throws IOException {
        while (true) {
            int rc = socket.send(bytes);
            if (rc == -Errno.EAGAIN) {
                await(Poll.POLLOUT);
            } else if (rc < 0 && rc != -Errno.EINTR) {
                throw new IOException("sendmsg: " + Errno.name(-rc));
            } else if (rc >= 0) {
                return rc;
            }
        }
    }

    private void await(int event) throws IOException {
        int rc = Poll.poll(socket.number(), event, -1);
        if (rc < 0 && rc != -Errno.EINTR) {
            throw new IOException("poll: " + Errno.name(-rc));
        }
        if (!isOpen()) {
            throw new ClosedChannelException();
        }
    }

    private synchronized void begin() throws IOException {
        if (closed) {
            throw new ClosedChannelException();
        }
        users++;
    }

    /** The descriptor's number must not be another's while somebody still uses it: the last one closes it. */
    private synchronized void end() {
        users--;
        if (closed && users == 0) {
            socket.close();
        }
    }

    @Override
    public synchronized boolean isOpen() {
        return !closed;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        received.close();
        if (users == 0) {
            socket.close();
        } else {
            socket.shutdown();
        }
    }
}
