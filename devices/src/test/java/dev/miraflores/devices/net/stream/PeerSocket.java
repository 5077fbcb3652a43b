// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;

/** The other side of a stream: sends what it likes. */
public final class PeerSocket implements AutoCloseable {

    private final Arena arena = Arena.ofAuto();
    private final UnixSocket socket;
    private final MemorySegment buffer = arena.allocate(1 << 20);

    public PeerSocket(UnixSocket socket) {
        this.socket = socket;
        FileIo.setStatusFlags(socket.number(), FileIo.statusFlags(socket.number()) | Fd.O_NONBLOCK);
    }

    /** A pair: the port's side is {@code sides[0]}, a descriptor on which no call blocks. */
    static PeerSocket connect(FramePort port) {
        UnixSocket[] sides = UnixSocket.pair();
        int number = sides[0].release().release();
        FileIo.setStatusFlags(number, FileIo.statusFlags(number) | Fd.O_NONBLOCK);
        port.connect(number);
        return new PeerSocket(sides[1]);
    }

    /** A frame with its length in front. */
    public static byte[] framed(byte[] frame) {
        return ByteBuffer.allocate(4 + frame.length).putInt(frame.length).put(frame).array();
    }

    /** Answers how many bytes the socket took. */
    public int send(byte[] bytes, int from, int count) {
        MemorySegment.copy(bytes, from, buffer, ValueLayout.JAVA_BYTE, 0, count);
        return socket.send(buffer.asSlice(0, count));
    }

    public void send(byte[] bytes) {
        for (int at = 0; at < bytes.length; ) {
            int rc = send(bytes, at, Math.min(bytes.length - at, 1 << 20));
            if (rc < 0) {
                throw new AssertionError("send: " + rc);
            }
            at += rc;
        }
    }

    /** What is there now; empty where there is nothing. */
    public byte[] receive(int most) {
        long rc = FileIo.read(socket.number(), buffer.address(), Math.min(most, buffer.byteSize()));
        return buffer.asSlice(0, Math.max(0, rc)).toArray(ValueLayout.JAVA_BYTE);
    }

    /** Whether the other side is gone. */
    public boolean isAtEnd() {
        return FileIo.read(socket.number(), buffer.address(), 1) == 0;
    }

    @Override
    public void close() {
        socket.close();
    }
}
