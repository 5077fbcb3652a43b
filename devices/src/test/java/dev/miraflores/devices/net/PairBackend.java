// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A network that is the test itself: a pair of packet sockets for each queue pair, which carry headers as a tap does. */
public final class PairBackend implements NetBackend {

    /** Twice what a packet may have, to see what comes of more. */
    private static final int MOST_BYTES = 2 * (NetHeader.BYTES + NetHeader.MAX_FRAME_BYTES);

    private final long offloads;
    private final UnixSocket[] near;
    private final UnixSocket[] far;
    private final NetPort[] ports;
    private final MemorySegment buffer = Arena.ofAuto().allocate(MOST_BYTES);
    /** All that was asked of it, in order. */
    public final List<String> calls = new ArrayList<>();
    /** What {@link #setOffloads} and {@link #setActivePairs} answer. */
    public volatile int answer;
    /** What sends answer instead of sending; 0 sends. */
    public volatile int sendError;
    public volatile int receiveError;
    /** What ports say is their descriptor; −1 for the true one. */
    public volatile int otherDescriptor = -1;
    /** How often a packet was given up. */
    public final AtomicInteger abandoned = new AtomicInteger();
    public volatile NetBackendEvents events;
    public volatile boolean closed;

    public PairBackend(int pairs, long offloads) {
        this.offloads = offloads;
        near = new UnixSocket[pairs];
        far = new UnixSocket[pairs];
        ports = new NetPort[pairs];
        for (int i = 0; i < pairs; i++) {
            connect(i);
            ports[i] = new PairPort(i);
        }
    }

    /** Makes new sockets for a pair, and closes the old ones. */
    public void connect(int pair) {
        closePair(pair);
        UnixSocket[] both = UnixSocket.packetPair();
        near[pair] = both[0];
        far[pair] = both[1];
    }

    private void closePair(int pair) {
        if (near[pair] != null) {
            near[pair].close();
            far[pair].close();
        }
    }

    private final class PairPort implements NetPort {
        private final int pair;

        PairPort(int pair) {
            this.pair = pair;
        }

        @Override
        public int descriptor() {
            int other = otherDescriptor;
            return other >= 0 ? other : near[pair].number();
        }

        @Override
        public void abandon() {
            abandoned.incrementAndGet();
        }

        @Override
        public long send(long iovecs, int iovecCount) {
            int error = sendError;
            return error != 0 ? error : FileIo.writev(near[pair].number(), iovecs, iovecCount);
        }

        @Override
        public long receive(long iovecs, int iovecCount) {
            int error = receiveError;
            return error != 0 ? error : FileIo.readv(near[pair].number(), iovecs, iovecCount);
        }
    }

    /** A packet from the network; answers false where there is no room for it. */
    public boolean inject(int pair, byte[] header, byte[] frame) {
        MemorySegment.copy(header, 0, buffer, ValueLayout.JAVA_BYTE, 0, header.length);
        MemorySegment.copy(frame, 0, buffer, ValueLayout.JAVA_BYTE, header.length, frame.length);
        long rc = FileIo.write(far[pair].number(), buffer.asSlice(0, header.length + frame.length));
        if (rc < 0 && rc != -Errno.EAGAIN) {
            throw new ErrnoException("write", (int) -rc);
        }
        return rc >= 0;
    }

    /** What the guest has sent, header and all; {@code null} where there is nothing. */
    public byte[] take(int pair) {
        long rc = FileIo.read(far[pair].number(), buffer);
        return rc <= 0 ? null : Arrays.copyOf(buffer.asSlice(0, rc).toArray(ValueLayout.JAVA_BYTE), (int) rc);
    }

    /** As {@link #take}, of which nothing is kept. */
    public boolean discard(int pair) {
        return FileIo.read(far[pair].number(), buffer) > 0;
    }

    @Override
    public String description() {
        return "pair";
    }

    @Override
    public int maxQueuePairs() {
        return ports.length;
    }

    @Override
    public NetPort port(int pair) {
        return ports[pair];
    }

    @Override
    public long offloads() {
        return offloads;
    }

    @Override
    public int setOffloads(long guestOffloads) {
        calls.add("offloads " + Long.toHexString(guestOffloads));
        return answer;
    }

    @Override
    public int setActivePairs(int pairs) {
        calls.add("pairs " + pairs);
        return answer;
    }

    @Override
    public void start(NetBackendEvents to) {
        events = to;
    }

    @Override
    public void close() {
        closed = true;
        for (int i = 0; i < near.length; i++) {
            closePair(i);
        }
    }
}
