// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import dev.miraflores.linux.SocketFile;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/**
 * A Unix socket that listens, for one client at a time. While there is none, output is dropped; a client that does not
 * read holds the transmitter up, one that goes away makes room for the next.
 * <p>Thread: a daemon thread accepts and reads.
 * <p>Lifetime: listens from {@code connect} on; the socket's file is there from {@code open} to {@code close}.
 */
public final class UnixSocketBackend implements CharBackend {

    private final SocketFile file;
    private final ServerSocketChannel server;
    private volatile SocketChannel client;
    private volatile boolean closed;

    private UnixSocketBackend(SocketFile file, ServerSocketChannel server) {
        this.file = file;
        this.server = server;
    }

    /**
     * Makes the socket, for this user alone. One that a dead process left behind is replaced.
     *
     * @throws IOException when something else is there, somebody listens there, or the directory allows none
     */
    public static UnixSocketBackend open(Path path) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            return new UnixSocketBackend(SocketFile.bind(path, at -> server.bind(UnixDomainSocketAddress.of(at), 1)), server);
        } catch (IOException | RuntimeException e) {
            server.close();
            throw e;
        }
    }

    @Override
    public void connect(CharInput input) {
        Thread.ofPlatform().name("console-socket").daemon().start(() -> serve(input));
    }

    private void serve(CharInput input) {
        while (!closed) {
            try (SocketChannel accepted = server.accept()) {
                client = accepted;
                input.setOpen(true);
                if (!read(accepted, input)) {
                    return;
                }
            } catch (IOException e) {
                // The client is gone, or we are closed, which the loop sees.
            } catch (InterruptedException e) {
                return;
            } finally {
                if (client != null) {
                    client = null;
                    input.setOpen(false);
                }
            }
        }
    }

    @Override
    public boolean isPermanent() {
        return false;
    }

    @Override
    public String describe() {
        return (client == null ? "disconnected:" : "") + "unix:" + file.path() + ",server=on";
    }

    /** Whether the device still takes input. */
    private static boolean read(SocketChannel from, CharInput input) throws IOException, InterruptedException {
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        while (from.read(buffer) >= 0) {
            if (!input.put(buffer.array(), 0, buffer.position())) {
                return false;
            }
            buffer.clear();
        }
        return true;
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        SocketChannel to = client;
        if (to == null) {
            return;
        }
        try {
            ByteBuffer left = ByteBuffer.wrap(bytes, offset, length);
            while (left.hasRemaining()) {
                to.write(left);
            }
        } catch (IOException e) {
            // This client is gone; the reading thread notices as well, and waits for the next.
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        file.close();
        try {
            server.close();
            SocketChannel last = client;
            if (last != null) {
                last.close();
            }
        } catch (IOException e) {
            // There is nothing left to do about it.
        }
    }
}
