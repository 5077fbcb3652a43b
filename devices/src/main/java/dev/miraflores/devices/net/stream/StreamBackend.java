// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.net.NetBackend;
import dev.miraflores.devices.net.NetBackendEvents;
import dev.miraflores.devices.net.NetPort;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.SocketMessage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A NIC whose packets go to one peer at a time over a stream socket. While there is none the guest's link is down.
 * <p>A thread of its own gets peers from a {@link PeerSource} and waits for each to be gone; it neither sends nor receives.
 * <p>Thread: as {@link NetBackend} says.
 * <p>Lifetime: until {@link #close}, which ends the thread, the connection and the source.
 */
public final class StreamBackend implements NetBackend {

    /** How long a NIC has to let go of a connection that has ended. */
    private static final long PATIENCE_MS = 60_000;
    /** How long a peer has to finish the frame that it is in, where another may go on with the connection. */
    private static final long LEAVE_NS = 500_000_000L;

    private final String name;
    private final PeerSource source;
    private final long patienceMs;
    private final FramePort port = new FramePort(this::onEnd);
    private final LimitedLog log;
    private NetBackendEvents events;
    private Thread thread;
    private volatile boolean connected;
    private volatile boolean closing;
    // Under this object's monitor.
    private Fd peer;
    private String endedWhy;

    /**
     * @param name   of the NIC, for its thread and the log
     * @param source becomes this object's
     */
    public StreamBackend(String name, PeerSource source) {
        this(name, source, PATIENCE_MS);
    }

    StreamBackend(String name, PeerSource source, long patienceMs) {
        this.name = name;
        this.source = source;
        this.patienceMs = patienceMs;
        this.log = new LimitedLog(StreamBackend.class, "nic " + name + ": ");
    }

    @Override
    public String description() {
        return source.description() + (connected ? "" : " (nobody connected)");
    }

    @Override
    public int maxQueuePairs() {
        return 1;
    }

    @Override
    public NetPort port(int pair) {
        return port;
    }

    /** None: a stream has no headers that could say what is left to do. */
    @Override
    public long offloads() {
        return 0;
    }

    @Override
    public int setOffloads(long guestOffloads) {
        return guestOffloads == 0 ? 0 : -Errno.EOPNOTSUPP;
    }

    @Override
    public int setActivePairs(int pairs) {
        return pairs == 1 ? 0 : -Errno.EINVAL;
    }

    @Override
    public void start(NetBackendEvents itsEvents) {
        events = itsEvents;
        events.linkChanged(false);
        thread = new Thread(this::serveToTheEnd, "net-" + name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Here, as whoever closes it may be an I/O thread, which the sandbox lets remove no file: a socket's goes at the end. */
    private void serveToTheEnd() {
        serve();
        if (closing) {
            source.close();
        }
    }

    private void serve() {
        for (int next; !closing && (next = source.next()) != PeerSource.NONE; ) {
            if (begin(Fd.adopt(next))) {
                String why = awaitEnd();
                if (!closing) {
                    log.log(System.Logger.Level.WARNING, "the peer " + why + "; the link is down");
                }
                if (!finish()) {
                    return;
                }
            }
        }
    }

    private boolean begin(Fd next) {
        synchronized (this) {
            if (closing) {
                next.close();
                return false;
            }
            peer = next;
            endedWhy = null;
        }
        int number = next.number();
        events.changePort(0, () -> port.connect(number));
        connected = true;
        events.linkChanged(true);
        return true;
    }

    private synchronized String awaitEnd() {
        while (endedWhy == null && !closing) {
            try {
                wait();
            } catch (InterruptedException e) {
                // Only close() ends it.
            }
        }
        return endedWhy;
    }

    /**
     * Once nobody looks at it any more it can be closed, and not before: its number may be another's then.
     *
     * @return whether there may be a next one; where the NIC does not let go of this one, it stays until {@link #close}
     */
    private boolean finish() {
        connected = false;
        if (closing) {
            return false; // the port is not used any more, and close() sees to the rest
        }
        events.linkChanged(false);
        CountDownLatch gone = new CountDownLatch(1);
        events.changePort(0, () -> {
            port.disconnect();
            gone.countDown();
        });
        boolean letGo;
        try {
            letGo = gone.await(patienceMs, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            return false; // by close()
        }
        if (!letGo) {
            log.log(System.Logger.Level.ERROR, "its I/O thread does not let go of the last peer; there will be no other");
            return false;
        }
        synchronized (this) {
            peer.close();
            peer = null;
        }
        return true;
    }

    /** On the I/O thread. */
    private synchronized void onEnd(String why) {
        endedWhy = why;
        notifyAll();
    }

    @Override
    public void close() {
        closing = true;
        source.end();
        synchronized (this) {
            notifyAll();
        }
        if (thread != null) {
            thread.interrupt();
            join();
        }
        source.close();
        synchronized (this) {
            if (peer != null) {
                if (source.isShared() && !port.leaveBetweenFrames(System.nanoTime() + LEAVE_NS)) {
                    // Nobody can go on in the middle of a frame: whoever tries is to see that.
                    SocketMessage.shutdown(peer.number());
                }
                port.disconnect();
                peer.close();
                peer = null;
            }
        }
    }

    private void join() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
