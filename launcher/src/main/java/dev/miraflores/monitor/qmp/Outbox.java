// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import dev.miraflores.linux.Fd;
import dev.miraflores.monitor.socket.UnixChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;

/**
 * What is on its way to a client, and the thread that writes it, so that a client that does not read holds nobody up. Its own
 * answers wait: no more is read from it meanwhile. Events cannot, and one that is lost could be the one that a client waits
 * for; so whoever leaves {@link #MAX_BYTES} unread is cut off, and knows.
 * <p>Thread: {@code answer}, the client's; {@code event}, any; its own writes.
 */
final class Outbox implements QmpSession.Output {

    /** How much may be waiting for a client. */
    static final int MAX_BYTES = 1 << 20;

    private final ByteChannel client;
    private final Deque<byte[]> waiting = new ArrayDeque<>();
    private long waitingBytes;
    private boolean closed;

    Outbox(ByteChannel client) {
        this.client = client;
        Thread.ofPlatform().name(Thread.currentThread().getName() + "-out").daemon().start(this::run);
    }

    @Override
    public Fd takeDescriptor() {
        return client instanceof UnixChannel unix ? unix.takeDescriptor() : null;
    }

    @Override
    public synchronized void answer(byte[] line) {
        while (waitingBytes >= MAX_BYTES && !closed) {
            try {
                wait();
            } catch (InterruptedException e) {
                close();
            }
        }
        add(line);
    }

    @Override
    public synchronized void event(byte[] line) {
        if (waitingBytes + line.length > MAX_BYTES && !closed) {
            System.getLogger(Outbox.class.getName()).log(System.Logger.Level.WARNING,
                    "a QMP client left " + MAX_BYTES + " bytes unread and was cut off");
            close();
        }
        add(line);
    }

    private void add(byte[] line) {
        if (!closed) {
            waiting.add(line);
            waitingBytes += line.length;
            notifyAll();
        }
    }

    private void run() {
        try {
            for (byte[] line = next(); line != null; line = next()) {
                ByteBuffer left = ByteBuffer.wrap(line);
                while (left.hasRemaining()) {
                    client.write(left);
                }
                written(line);
            }
        } catch (IOException e) {
            close();                                // the client has gone
        }
    }

    /** The one that has waited longest, which stays where it is until it is written; null at the end. */
    private synchronized byte[] next() {
        while (waiting.isEmpty() && !closed) {
            try {
                wait();
            } catch (InterruptedException e) {
                return null;
            }
        }
        return closed ? null : waiting.peek();
    }

    private synchronized void written(byte[] line) {
        if (waiting.peek() == line) {
            waiting.remove();
            waitingBytes -= line.length;
        }
        notifyAll();
    }

    /** Waits until all of it is written, or for {@code ms}. */
    synchronized void drain(long ms) {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
        while (!waiting.isEmpty() && !closed) {
            long leftMs = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            if (leftMs <= 0) {
                return;
            }
            try {
                wait(leftMs);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** Writes nothing more, and ends the client's reading. */
    void close() {
        synchronized (this) {
            closed = true;
            waiting.clear();
            waitingBytes = 0;
            notifyAll();
        }
        try {
            client.close();
        } catch (IOException e) {
            // It is closed, as far as it can be.
        }
    }
}
