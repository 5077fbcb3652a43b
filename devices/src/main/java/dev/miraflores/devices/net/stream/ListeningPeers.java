// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.InetSocket;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.SocketMessage;
import dev.miraflores.linux.UnixListener;
import dev.miraflores.linux.UnixSocket;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Peers that connect to us, one after the other: the next waits until the one before it is gone. */
public final class ListeningPeers implements PeerSource {

    /** One that is connected, one that waits: more do not help. */
    private static final int BACKLOG = 1;
    /** After an accept that failed, for want of descriptors maybe. */
    private static final long RETRY_MS = 1000;

    private final StreamAddress address;
    // One of the two.
    private final UnixListener unix;
    private final Fd tcp;
    private final CountDownLatch closed = new CountDownLatch(1);

    private ListeningPeers(StreamAddress address, UnixListener unix, Fd tcp) {
        this.address = address;
        this.unix = unix;
        this.tcp = tcp;
    }

    /**
     * Listens.
     *
     * @param nic what the NIC is called, for messages
     * @throws NetException where that is not possible; the message is one line
     */
    public static ListeningPeers at(String nic, StreamAddress address) {
        if (address.isUnix()) {
            try {
                return new ListeningPeers(address, UnixListener.listen(address.path(), BACKLOG), null);
            } catch (ErrnoException | IllegalArgumentException e) {
                throw new NetException(nic + ": listen=" + address + ": " + e.getMessage() + "; use another path");
            }
        }
        InetSocketAddress host = address.resolve();
        if (host == null) {
            throw new NetException(nic + ": listen=" + address + ": unknown host; use an address of this one");
        }
        int rc = InetSocket.listen(host, BACKLOG);
        if (rc < 0) {
            throw new NetException(nic + ": listen=" + address + ": " + Errno.name(-rc) + " (" + -rc + "); use another address or port");
        }
        return new ListeningPeers(address, null, Fd.adopt(rc));
    }

    @Override
    public String description() {
        return "socket,listen=" + address;
    }

    @Override
    public int next() {
        while (closed.getCount() != 0) {
            int number = unix == null ? acceptTcp() : acceptUnix();
            if (number >= 0) {
                return number;
            }
            pause();
        }
        return NONE;
    }

    private int acceptUnix() {
        try {
            UnixSocket peer = unix.accept();
            if (peer == null) {
                return NONE;
            }
            int number = peer.release().release();
            FileIo.setStatusFlags(number, FileIo.statusFlags(number) | Fd.O_NONBLOCK);
            return number;
        } catch (ErrnoException e) {
            return NONE;
        }
    }

    private int acceptTcp() {
        Poll.poll(tcp.number(), Poll.POLLIN, -1);
        return closed.getCount() == 0 ? NONE : InetSocket.accept(tcp.number());
    }

    private void pause() {
        try {
            closed.await(RETRY_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            // Whoever wants an end says so by closing.
        }
    }

    @Override
    public void end() {
        closed.countDown();
        if (unix != null) {
            unix.shutdown();
        } else {
            SocketMessage.shutdown(tcp.number());
        }
    }

    @Override
    public void close() {
        if (unix != null) {
            unix.close();
        } else {
            tcp.close();
        }
    }
}
