// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixListener;
import dev.miraflores.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * A Unix socket that listens, for one client at a time. While there is none, output is dropped; a client that does not
 * read holds the transmitter up, one that goes away makes room for the next. What it has left behind is still passed on, as long
 * as the guest takes it.
 * <p>Thread: a daemon thread accepts and reads.
 * <p>Lifetime: listens from {@code connect} on; the socket's file is there from {@code open} to {@code close}.
 */
public final class UnixSocketBackend implements CharBackend {

    private static final int BATCH_BYTES = 4096;
    /** How often it is looked whether a client is still there whose input the guest does not take. */
    private static final long LOOK_MS = 200;
    /** Looks without any of it taken, after which that of a client who has gone is dropped. */
    private static final int PATIENCE_LOOKS = 5;
    /** Until it is tried again where the host can accept nobody, as it has no descriptors left for instance. */
    private static final long PAUSE_MS = 100;
    /** The thread is called out of whatever it waits for; this is for a device that does not let it go. */
    private static final long CLOSE_MS = 2000;

    private final UnixListener listener;
    /** Held while the client's socket is written to, and to close it. */
    private final Object writing = new Object();
    private volatile UnixSocket client;
    private volatile boolean closed;
    /** Closes the listener at its end. */
    private Thread thread;

    private UnixSocketBackend(UnixListener listener) {
        this.listener = listener;
    }

    /**
     * Makes the socket, for this user alone. One that a dead process left behind is replaced.
     *
     * @throws IOException when something else is there, somebody listens there, or the directory allows none
     */
    public static UnixSocketBackend open(Path path) throws IOException {
        try {
            return new UnixSocketBackend(UnixListener.open(path, 1));
        } catch (ErrnoException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    @Override
    public void connect(CharInput input) {
        thread = Thread.ofPlatform().name("console-socket").daemon().start(() -> serve(input));
    }

    private void serve(CharInput input) {
        try {
            while (!closed) {
                UnixSocket accepted = accept();
                if (accepted != null) {
                    serve(accepted, input);
                }
            }
        } catch (InterruptedException e) {
            // Nobody is served any more.
        } finally {
            listener.close();
        }
    }

    /** The next client; null when there is none yet, or never will be. */
    private UnixSocket accept() throws InterruptedException {
        try {
            return listener.accept();
        } catch (ErrnoException e) {
            Thread.sleep(PAUSE_MS);
            return null;
        }
    }

    private void serve(UnixSocket accepted, CharInput input) throws InterruptedException {
        client = accepted;
        try {
            // Whoever closes sees the client, or we see that it was closed.
            if (!closed) {
                input.setOpen(true);
                read(accepted, input);
            }
        } finally {
            accepted.shutdown();
            synchronized (writing) {
                client = null;
                accepted.close();
            }
            input.setOpen(false);
        }
    }

    @Override
    public boolean isPermanent() {
        return false;
    }

    @Override
    public String describe() {
        return (client == null ? "disconnected:" : "") + "unix:" + listener.path() + ",server=on";
    }

    private static void read(UnixSocket from, CharInput input) throws InterruptedException {
        byte[] bytes = new byte[BATCH_BYTES];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment batch = arena.allocate(BATCH_BYTES);
            int count;
            do {
                count = (int) FileIo.read(from.number(), batch);
                MemorySegment.copy(batch, ValueLayout.JAVA_BYTE, 0, bytes, 0, Math.max(0, count));
            } while (count > 0 && pass(bytes, count, from, input) || count == -Errno.EINTR);
        }
    }

    /** Whether all of it was taken. */
    private static boolean pass(byte[] bytes, int count, UnixSocket from, CharInput input) throws InterruptedException {
        int done = 0;
        int looks = 0;
        while (done < count && looks < PATIENCE_LOOKS) {
            int taken = input.offer(bytes, done, count - done, LOOK_MS);
            if (taken < 0) {
                return false;
            }
            done += taken;
            looks = taken == 0 && Poll.isReady(from.number(), Poll.POLLHUP) ? looks + 1 : 0;
        }
        return done == count;
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        synchronized (writing) {
            UnixSocket to = client;
            if (to == null) {
                return;
            }
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment left = arena.allocate(length);
                MemorySegment.copy(bytes, offset, left, ValueLayout.JAVA_BYTE, 0, length);
                while (left.byteSize() > 0) {
                    int sent = to.send(left);
                    if (sent == -Errno.EAGAIN) {
                        Poll.poll(to.number(), Poll.POLLOUT, -1);
                    } else if (sent > 0) {
                        left = left.asSlice(sent);
                    } else if (sent != -Errno.EINTR) {
                        return; // This client is gone; the reading thread notices as well, and waits for the next.
                    }
                }
            }
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        listener.shutdown();
        UnixSocket last = client;
        if (last != null) {
            last.shutdown();
        }
        if (thread == null) {
            listener.close();
            return;
        }
        try {
            thread.join(CLOSE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
