// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.block.BlockEvents;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.UnixListener;
import dev.miraflores.linux.UnixSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A disk behind a Unix socket, for any vhost-user front end: one at a time, the next when that has gone.
 * <p>Thread: any; front ends are served on a thread of the server's, requests on the disk's I/O threads.
 * <p>Lifetime: the socket's file is there from {@link #start} to {@link #close}, which answers what is in flight first. The disk
 * stays the caller's, to be closed afterwards; it is the server's alone until then, but for what can be changed while it runs.
 */
public final class VhostUserBlockServer implements AutoCloseable {

    /** Front ends that may wait for the one that is served. */
    private static final int BACKLOG = 16;

    /** Before it is tried again to take a front end that the process had no descriptors for. */
    private static final long RETRY_MS = 100;

    private final VirtioBlockDevice device;
    private final UnixListener listener;
    private final LimitedLog log;
    private final Thread thread;
    private final CountDownLatch stopped = new CountDownLatch(1);
    /** Of front ends that are gone, but whom the device may yet write to. */
    private final List<Runnable> leftovers = new ArrayList<>();
    private final SessionMaker sessions;
    private Session session;

    /** Makes what serves one front end; who has connected is the caller's where that fails. */
    interface SessionMaker {
        Session make(VirtioBlockDevice device, UnixSocket client, LimitedLog log);
    }

    private VhostUserBlockServer(VirtioBlockDevice device, UnixListener listener, SessionMaker sessions) {
        this.device = device;
        this.sessions = sessions;
        this.listener = listener;
        this.log = new LimitedLog(VhostUserBlockServer.class, "drive " + device.id() + " at " + listener.path() + ": ");
        this.thread = Thread.ofPlatform().name("vhost-user-" + device.id()).daemon().unstarted(this::serve);
    }

    /**
     * Makes the socket, and serves whoever connects. A socket that a dead process left behind is replaced.
     *
     * @throws ErrnoException           where there can be none, as EADDRINUSE where somebody listens there
     * @throws IllegalArgumentException where the path is too long for a socket
     */
    public static VhostUserBlockServer start(VirtioBlockDevice device, String path) {
        return start(device, path, Session::new);
    }

    static VhostUserBlockServer start(VirtioBlockDevice device, String path, SessionMaker sessions) {
        VhostUserBlockServer server = new VhostUserBlockServer(device, UnixListener.listen(path, BACKLOG), sessions);
        device.setEvents(server.new Events());
        server.thread.start();
        return server;
    }

    /** Where it listens. */
    public String path() {
        return listener.path();
    }

    /** Whether a front end is connected. */
    public synchronized boolean isConnected() {
        return session != null;
    }

    private void serve() {
        while (stopped.getCount() != 0) {
            try {
                UnixSocket client = listener.accept();
                if (client != null) {
                    serve(client);
                }
            } catch (ErrnoException e) {
                log.log(System.Logger.Level.WARNING, e.getMessage());
                pause();
            } catch (RuntimeException | Error e) {
                log.log(System.Logger.Level.ERROR, "internal error", e);
                pause();
            }
        }
    }

    private void pause() {
        try {
            stopped.await(RETRY_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void serve(UnixSocket client) {
        if (!clearUp()) {
            log.log(System.Logger.Level.WARNING, "front end refused: the disk still waits for what an earlier one had in flight");
            client.close();
            return;
        }
        Session next;
        try {
            next = sessions.make(device, client, log);
        } catch (RuntimeException | Error e) {
            client.close();
            throw e;
        }
        synchronized (this) {
            session = next;
            if (stopped.getCount() == 0) {
                next.requestStop();
            }
        }
        Runnable leftover = next.run();
        synchronized (this) {
            session = null;
            if (leftover != null) {
                leftovers.add(leftover);
            }
        }
    }

    /** Lets go of what front ends before have left: false while the device may yet use it. */
    private synchronized boolean clearUp() {
        if (device.isHung()) {
            return false;
        }
        leftovers.forEach(Runnable::run);
        leftovers.clear();
        return true;
    }

    private final class Events implements BlockEvents {
        @Override
        public void resized(VirtioBlockDevice disk, long byteSize) {
            Session now;
            synchronized (VhostUserBlockServer.this) {
                now = session;
            }
            if (now != null) {
                now.configChanged();
            }
        }
    }

    /**
     * Stops: what is in flight is answered, the connection closed, the socket's file removed. Once more does nothing, or what
     * could not be done before.
     *
     * @throws MemoryInUseException where the host does not finish what is in flight; memory of a front end stays mapped
     */
    @Override
    public void close() {
        listener.shutdown();
        synchronized (this) {
            stopped.countDown();
            if (session != null) {
                session.requestStop();
            }
        }
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        listener.close();
        if (!clearUp()) {
            throw new MemoryInUseException("drive " + device.id() + " was given up, and may yet write into memory of its front end");
        }
    }
}
