// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.devices.net.NetHeader;
import dev.miraflores.devices.net.NetPort;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A device's side of a port: iovecs over buffers of its own, in as many pieces as wanted. */
public final class Packets {

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment header = arena.allocate(NetHeader.BYTES);
    private final MemorySegment bytes = arena.allocate(NetHeader.MAX_FRAME_BYTES);
    private final MemorySegment iovecs = arena.allocate(16 * 1024L, 8);

    /** With buffers for the largest frame. */
    public Packets() {
    }

    /** Sends a frame in pieces of {@code pieceBytes}. */
    public long send(NetPort port, byte[] frame, int pieceBytes) {
        MemorySegment.copy(frame, 0, bytes, ValueLayout.JAVA_BYTE, 0, frame.length);
        return port.send(iovecs.address(), lay(frame.length, pieceBytes));
    }

    /** The next frame; {@code null} where there is none, with its header checked to be empty where it is to be. */
    public byte[] receive(NetPort port, int pieceBytes, boolean emptyHeader) {
        header.fill((byte) 0x55);
        long rc = port.receive(iovecs.address(), lay(NetHeader.MAX_FRAME_BYTES, pieceBytes));
        if (rc < 0) {
            return null;
        }
        for (int i = 0; emptyHeader && i < NetHeader.BYTES; i++) {
            if (header.get(ValueLayout.JAVA_BYTE, i) != 0) {
                throw new AssertionError("header byte " + i);
            }
        }
        return bytes.asSlice(0, rc - NetHeader.BYTES).toArray(ValueLayout.JAVA_BYTE);
    }

    private int lay(int frameBytes, int pieceBytes) {
        int piece = Math.max(pieceBytes, frameBytes / 1000 + 1);
        set(0, header.address(), NetHeader.BYTES);
        int count = 1;
        for (int at = 0; at < frameBytes; at += piece) {
            set(count++, bytes.address() + at, Math.min(piece, frameBytes - at));
        }
        return count;
    }

    private void set(int index, long address, long byteSize) {
        iovecs.setAtIndex(ValueLayout.JAVA_LONG, 2L * index, address);
        iovecs.setAtIndex(ValueLayout.JAVA_LONG, 2L * index + 1, byteSize);
    }

    /** Bytes that differ from frame to frame and place to place. */
    public static byte[] frame(int length, int seed) {
        byte[] frame = new byte[length];
        for (int i = 0; i < length; i++) {
            frame[i] = (byte) (i * 31 + seed);
        }
        return frame;
    }
}
