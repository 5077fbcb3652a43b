// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.InetSocket;
import dev.miraflores.linux.Seccomp;
import dev.miraflores.linux.UnixSocket;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A peer that we connect to, once or again and again. */
public final class ConnectingPeers implements PeerSource {

    private static final int TIMEOUT_MS = 10_000;

    private final StreamAddress address;
    /** Looked up once, since a name cannot be later. */
    private final InetSocketAddress host;
    private final int reconnectMs;
    private final CountDownLatch ended = new CountDownLatch(1);
    /** Connected before anybody asked; negative where that failed, and once it is given away. */
    private int first;

    private ConnectingPeers(StreamAddress address, InetSocketAddress host, int reconnectMs) {
        this.address = address;
        this.host = host;
        this.reconnectMs = reconnectMs;
    }

    /**
     * Connects.
     *
     * @param nic         what the NIC is called, for messages
     * @param reconnectMs how long to wait before it is tried again, when it failed or ended; 0 for never
     * @throws NetException where there is nobody to connect to, and it is not to be tried again; the message is one line
     */
    public static ConnectingPeers to(String nic, StreamAddress address, int reconnectMs) {
        InetSocketAddress host = address.isUnix() ? null : address.resolve();
        if (host == null && !address.isUnix()) {
            throw new NetException(nic + ": connect=" + address + ": unknown host; check the name");
        }
        ConnectingPeers peers = new ConnectingPeers(address, host, reconnectMs);
        try {
            peers.first = peers.connect();
        } catch (IllegalArgumentException e) {
            throw new NetException(nic + ": connect=" + address + ": " + e.getMessage() + "; use another path");
        }
        if (peers.first == -Errno.EPERM && Seccomp.isInForce()) {
            throw new NetException(nic + ": connect=" + address + ": EPERM (1): the sandbox lets hv connect to nothing new; use --shared-memory,"
                    + " with which it does, hand in a descriptor that is connected, or use --sandbox off");
        }
        if (peers.first < 0 && reconnectMs == 0) {
            throw new NetException(nic + ": connect=" + address + ": " + Errno.name(-peers.first) + " (" + -peers.first
                    + "); start the other side first, or use reconnect-ms=1000");
        }
        return peers;
    }

    private int connect() {
        if (!address.isUnix()) {
            return InetSocket.connect(host, TIMEOUT_MS, () -> ended.getCount() == 0);
        }
        try {
            // Made without blocking, and stays so.
            return UnixSocket.connect(address.path()).release().release();
        } catch (ErrnoException e) {
            return -e.errno();
        }
    }

    @Override
    public String description() {
        return "socket,connect=" + address;
    }

    @Override
    public int next() {
        if (first >= 0) {
            int number = first;
            first = NONE;
            return number;
        }
        while (reconnectMs != 0 && waited()) {
            int number = connect();
            if (number >= 0) {
                return number;
            }
        }
        return NONE;
    }

    /** Answers false where it is over. */
    private boolean waited() {
        try {
            return !ended.await(reconnectMs, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            return ended.getCount() != 0;
        }
    }

    @Override
    public void end() {
        ended.countDown();
    }

    @Override
    public void close() {
        if (first >= 0) {
            Fd.close(first);
            first = NONE;
        }
    }
}
