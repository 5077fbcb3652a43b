// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.devices.net.NetHeader;
import dev.miraflores.devices.net.NetPort;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Iovecs;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.SocketMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Frames on a stream socket.
 * <p>What comes in is read into one buffer, as much as there is and fits, so that a call brings many small frames; each goes from
 * there to where the iovecs point. What goes out is sent from where the iovecs point; of a frame that the socket takes a part of, the
 * rest is kept, for it has to follow before anything else does.
 * <p>Thread: the I/O thread of the pair; {@link #connect} and {@link #disconnect} where
 * {@link dev.miraflores.devices.net.NetBackendEvents#changePort} has them run. The counts, any.
 */
final class FramePort implements NetPort {

    static final int LENGTH_BYTES = 4;
    /** Some hundred small frames, or a few of the largest. */
    static final int BUFFER_BYTES = 256 << 10;

    private static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final int NO_SOCKET = -1;

    /** Who is told that the other side is gone, on the I/O thread. */
    interface Listener {
        /** Is told once for each connection. What {@code why} says follows "the peer". */
        void onEnd(String why);
    }

    private final Listener listener;
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment buffer = arena.allocate(BUFFER_BYTES, Long.BYTES);
    private final MemorySegment rest = arena.allocate(LENGTH_BYTES + NetHeader.MAX_FRAME_BYTES, Long.BYTES);
    private final MemorySegment iovecs = arena.allocate((long) FileIo.IOV_MAX * FileIo.IOVEC_BYTES, Long.BYTES);
    private final MemorySegment length = arena.allocate(LENGTH_BYTES, LENGTH_BYTES);
    private final SocketMessage message = new SocketMessage(arena);

    private int socket = NO_SOCKET;
    private boolean ended;
    /** What was received and not taken yet lies from here to there. */
    private int head;
    private int tail;
    /** The same of what is to be sent before all else. */
    private int restHead;
    private int restTail;
    /** The frame that the rest is of was answered with −EAGAIN, and will come once more. */
    private boolean comesAgain;
    private volatile long shortFrames;

    FramePort(Listener listener) {
        this.listener = listener;
    }

    /** Begins with a socket, on which no call blocks and which stays the caller's. */
    void connect(int number) {
        socket = number;
        ended = false;
        head = 0;
        tail = 0;
        restHead = 0;
        restTail = 0;
    }

    /** Lets go of the socket. */
    void disconnect() {
        socket = NO_SOCKET;
        comesAgain = false;
    }

    /**
     * Leaves the stream between two frames, for whoever goes on with it: sends what is left of a frame that is half gone, and takes
     * what is missing of one that is half here. Frames that are here as a whole are lost.
     *
     * @param byNs when {@link System#nanoTime} says so it is given up
     * @return false where the stream cannot be gone on with
     */
    boolean leaveBetweenFrames(long byNs) {
        while (restHead != restTail) {
            int rc = ended ? -Errno.ENOTCONN : sendRest();
            if (rc < 0 && (rc != -Errno.EAGAIN || !await(Poll.POLLOUT, byNs))) {
                return false;
            }
        }
        for (int missing; (missing = missing()) != 0; ) {
            if (missing < 0 || ended || !await(Poll.POLLIN, byNs)) {
                return false;
            }
            makeRoom();
            long rc = FileIo.read(socket, buffer.address() + tail, missing);
            if (rc == 0 || rc < 0 && rc != -Errno.EAGAIN && rc != -Errno.EINTR) {
                return false;
            }
            tail += (int) Math.max(0, rc);
        }
        return true;
    }

    /** Passes over whole frames: how many bytes are missing of a part that is left, at the least; −1 where it is none of a frame. */
    private int missing() {
        while (tail - head >= LENGTH_BYTES) {
            int bytes = buffer.get(LENGTH, head);
            if (bytes < 0 || bytes > NetHeader.MAX_FRAME_BYTES) {
                return -1;
            }
            int left = LENGTH_BYTES + bytes - (tail - head);
            if (left > 0) {
                return left;
            }
            head += LENGTH_BYTES + bytes;
        }
        return head == tail ? 0 : LENGTH_BYTES - (tail - head);
    }

    private boolean await(int event, long byNs) {
        long ms = (byNs - System.nanoTime()) / 1_000_000;
        return ms > 0 && Poll.poll(socket, event, (int) Math.min(ms, Integer.MAX_VALUE)) > 0;
    }

    /** Frames that came and are none: shorter than an Ethernet header. Any thread. */
    long shortFrames() {
        return shortFrames;
    }

    @Override
    public int descriptor() {
        return socket;
    }

    @Override
    public long send(long frame, int iovecCount) {
        if (socket == NO_SOCKET || ended) {
            comesAgain = false;
            return -Errno.ENOTCONN;
        }
        if (restHead != restTail) {
            int rc = sendRest();
            if (rc < 0) {
                return rc;
            }
        }
        if (comesAgain) {
            comesAgain = false;
            return 0;
        }
        long frameBytes = Iovecs.byteSize(frame, 1, iovecCount - 1);
        if (frameBytes > NetHeader.MAX_FRAME_BYTES) {
            return -Errno.EMSGSIZE;
        }
        return send(frame, iovecCount, (int) frameBytes);
    }

    /** What has gone of it is to be followed by the rest all the same. */
    @Override
    public void abandon() {
        comesAgain = false;
    }

    private long send(long frame, int iovecCount, int frameBytes) {
        length.set(LENGTH, 0, frameBytes);
        // The length stands in the place of the header, which does not travel.
        Iovecs.copyArray(frame, 1, iovecCount - 1, iovecs, FileIo.IOVEC_BYTES);
        iovecs.set(ValueLayout.JAVA_LONG, 0, length.address());
        iovecs.set(ValueLayout.JAVA_LONG, Long.BYTES, LENGTH_BYTES);
        long rc = message.send(socket, iovecs.address(), iovecCount);
        if (rc == LENGTH_BYTES + frameBytes) {
            return rc;
        }
        if (rc < 0) {
            return rc == -Errno.EAGAIN || rc == -Errno.EINTR ? -Errno.EAGAIN : ended((int) rc);
        }
        restHead = 0;
        restTail = (int) Iovecs.gather(iovecs.address(), 0, iovecCount, rc, rest, 0);
        comesAgain = true;
        return -Errno.EAGAIN;
    }

    private int sendRest() {
        iovecs.set(ValueLayout.JAVA_LONG, 0, rest.address() + restHead);
        iovecs.set(ValueLayout.JAVA_LONG, Long.BYTES, restTail - restHead);
        long rc = message.send(socket, iovecs.address(), 1);
        if (rc < 0) {
            return rc == -Errno.EAGAIN || rc == -Errno.EINTR ? -Errno.EAGAIN : ended((int) rc);
        }
        restHead += (int) rc;
        return restHead == restTail ? 0 : -Errno.EAGAIN;
    }

    private int ended(int errno) {
        comesAgain = false;
        end(errno == -Errno.EPIPE || errno == -Errno.ECONNRESET ? "is gone" : "cannot be reached: " + Errno.name(-errno));
        return -Errno.ENOTCONN;
    }

    private void end(String why) {
        if (!ended) {
            ended = true;
            listener.onEnd(why);
        }
    }

    /** With one call at the most, so that a peer that sends nothing of use is not read from for ever. */
    @Override
    public long receive(long frame, int iovecCount) {
        if (socket == NO_SOCKET || ended) {
            return -Errno.EAGAIN;
        }
        int bytes = next();
        if (bytes == 0 && !ended && fill()) {
            bytes = next();
        }
        if (bytes == 0) {
            return -Errno.EAGAIN;
        }
        Iovecs.clear(frame, 0, NetHeader.BYTES);
        long copied = Iovecs.scatter(buffer, head + LENGTH_BYTES, bytes, frame, 1, iovecCount - 1);
        head += LENGTH_BYTES + bytes;
        return NetHeader.BYTES + copied;
    }

    /** The length of the frame at the head, all of which is there; 0 where none is. What is too short to be one is passed over. */
    private int next() {
        while (tail - head >= LENGTH_BYTES) {
            int bytes = buffer.get(LENGTH, head);
            if (bytes < 0 || bytes > NetHeader.MAX_FRAME_BYTES) {
                end("sent a frame of " + Integer.toUnsignedString(bytes) + " bytes, of which " + NetHeader.MAX_FRAME_BYTES
                        + " are possible: it does not speak this protocol, or is broken");
                return 0;
            }
            if (tail - head - LENGTH_BYTES < bytes) {
                return 0;
            }
            if (bytes >= NetHeader.MIN_FRAME_BYTES) {
                return bytes;
            }
            head += LENGTH_BYTES + bytes;
            shortFrames++;
        }
        return 0;
    }

    /** Reads what there is; answers whether that was anything. There is always room, since what is left is less than a frame. */
    private boolean fill() {
        makeRoom();
        long rc = FileIo.read(socket, buffer.address() + tail, BUFFER_BYTES - tail);
        if (rc > 0) {
            tail += (int) rc;
            return true;
        }
        if (rc == 0) {
            end(tail == 0 ? "closed the connection" : "closed the connection in the middle of a frame");
        } else if (rc != -Errno.EAGAIN && rc != -Errno.EINTR) {
            ended((int) rc);
        }
        return false;
    }

    private void makeRoom() {
        if (head == tail) {
            head = 0;
            tail = 0;
        } else if (head != 0) {
            MemorySegment.copy(buffer, head, buffer, 0, tail - head);
            tail -= head;
            head = 0;
        }
    }
}
