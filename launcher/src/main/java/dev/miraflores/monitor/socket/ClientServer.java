// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.socket;

import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.UnixListener;
import dev.miraflores.linux.UnixSocket;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Listens, and gives each client a thread.
 * <p>Thread: one accepts, one serves each client; the rest, any.
 * <p>Lifetime: listens from when it is made, so that who connects is not refused; clients are served from {@link #start} on, until
 * {@link #close}, which ends them all.
 */
public final class ClientServer implements AutoCloseable {

    private static final int BACKLOG = 16;
    private static final long JOIN_MS = 2000;
    /** What a client sends may be as deep as JSON may be here. */
    private static final long STACK_BYTES = 1 << 20;

    /** What a client is served by. */
    public interface Service {

        /** Serves it until it or this side has enough; its channel is closed then. At a Unix socket it is a {@link UnixChannel}. */
        void serve(ByteChannel client) throws IOException;

        /** There are as many as there may be: says so. */
        void refuse(ByteChannel client) throws IOException;

        /** The server is about to close; a client that is being served hears the last of it. */
        default void finish() {
        }
    }

    private final String name;
    /** One of the two. */
    private final ServerSocketChannel tcp;
    private final UnixListener unix;
    private final int most;
    private final AtomicInteger made = new AtomicInteger();
    private final List<ByteChannel> clients = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private Service service;
    private boolean closed;

    /** The socket's file, or null with TCP. */
    public Path path() {
        return unix == null ? null : Path.of(unix.path());
    }

    private ClientServer(String name, ServerSocketChannel tcp, UnixListener unix, int most) {
        this.name = name;
        this.tcp = tcp;
        this.unix = unix;
        this.most = most;
    }

    /**
     * At a Unix socket, for its owner alone.
     *
     * @param most how many clients there may be at once
     */
    public static ClientServer unix(String name, Path path, int most) throws IOException {
        try {
            return new ClientServer(name, null, UnixListener.open(path, BACKLOG), most);
        } catch (ErrnoException | IllegalArgumentException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /** At a TCP port. */
    public static ClientServer tcp(String name, InetSocketAddress address, int most) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open();
        try {
            server.bind(address);
            return new ClientServer(name, server, null, most);
        } catch (IOException | RuntimeException e) {
            server.close();
            throw e;
        }
    }

    /** Where it listens, with TCP. */
    public ServerSocketChannel channel() {
        return tcp;
    }

    /** Serves clients from now on. */
    public synchronized void start(Service with) {
        service = with;
        threads.add(Thread.ofPlatform().name(name).daemon().start(this::accept));
    }

    private void accept() {
        while (true) {
            try {
                ByteChannel client = next();
                if (client == null) {
                    return;
                }
                if (!admit(client)) {
                    refuse(client);
                }
            } catch (IOException | ErrnoException e) {
                if (tcp != null && !tcp.isOpen()) {
                    return;
                }
                pause();                            // no descriptor is free: some client will go
            }
        }
    }

    /** Null at the end. */
    private ByteChannel next() throws IOException {
        if (tcp != null) {
            return tcp.accept();
        }
        UnixSocket client = unix.accept();
        return client == null ? null : new UnixChannel(client);
    }

    private static void pause() {
        try {
            Thread.sleep(100);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized boolean admit(ByteChannel client) {
        if (closed || clients.size() >= most) {
            return false;
        }
        clients.add(client);
        threads.removeIf(thread -> !thread.isAlive());
        try {
            threads.add(Thread.ofPlatform().name(name + "-" + made.incrementAndGet()).stackSize(STACK_BYTES).daemon()
                    .start(() -> serve(client)));
            return true;
        } catch (OutOfMemoryError e) {              // the host has no thread for it: refused, as one too many
            clients.remove(client);
            return false;
        }
    }

    private void refuse(ByteChannel client) {
        try (client) {
            service.refuse(client);
        } catch (IOException e) {
            // It has gone.
        }
    }

    private void serve(ByteChannel client) {
        try (client) {
            service.serve(client);
        } catch (IOException e) {
            // It has gone, or we are closed.
        } catch (RuntimeException | Error e) {
            System.getLogger(ClientServer.class.getName()).log(System.Logger.Level.ERROR, "a client of " + name + " was cut off", e);
        } finally {
            synchronized (this) {
                clients.remove(client);
            }
        }
    }

    /** How many clients there are. */
    public synchronized int size() {
        return clients.size();
    }

    @Override
    public void close() {
        List<ByteChannel> last;
        List<Thread> running;
        Service served;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            last = new ArrayList<>(clients);
            running = new ArrayList<>(threads);
            served = service;
        }
        if (unix == null) {
            quietly(tcp);
        } else {
            unix.shutdown();
        }
        if (served != null) {
            served.finish();
        }
        last.forEach(ClientServer::quietly);
        join(running);
        if (unix != null) {
            unix.close();                           // nobody waits there any more
        }
    }

    private static void quietly(AutoCloseable closed) {
        try {
            closed.close();
        } catch (Exception e) {
            // There is nothing left to do about it.
        }
    }

    private static void join(List<Thread> threads) {
        long end = System.nanoTime() + JOIN_MS * 1_000_000;
        for (Thread thread : threads) {
            long leftMs = (end - System.nanoTime()) / 1_000_000;
            if (thread != Thread.currentThread() && leftMs > 0) {
                try {
                    thread.join(leftMs);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
        }
    }
}
