// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.net.NetHeader;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever a peer sends, in whatever pieces: the guest gets the frames that are in it, in order, up to where the peer breaks the
 * protocol or leaves; nothing more is read then, and it is said once.
 */
class FramePortFuzzTest {

    private static final int MOST_RECEIVES = 10_000;

    private final List<String> ends = new ArrayList<>();
    private final FramePort port = new FramePort(ends::add);
    private final MemorySegment memory = Arena.ofAuto().allocate(1 << 17, 8);
    private final MemorySegment header = memory.asSlice(256, NetHeader.BYTES);
    private final MemorySegment frame = memory.asSlice(1024, NetHeader.MAX_FRAME_BYTES);

    static Stream<byte[]> seeds() {
        byte[] small = new byte[60];
        return Stream.of(
                new Seed().u8(10).u32(60L << 24).raw(small).u32(14L << 24).raw(small).bytes(),
                new Seed().u8(1).u32(0, 0, 0).u32(13L << 24).raw(small).bytes(),
                new Seed().u8(255).u32(0xFFFFFFFFL).raw(small).bytes(),
                new Seed().u8(3).u32(0x10110100L).raw(small).bytes(),
                new Seed().u8(7).u32(200L << 24).raw(small).bytes());
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldFindWhatIsAFrame(byte[] input) {
        ends.clear();
        long shortBefore = port.shortFrames();
        List<byte[]> received = new ArrayList<>();
        UnixSocket[] pair = UnixSocket.pair();
        try (Bounds _ = new Bounds(); Fd ours = pair[0].release(); UnixSocket peer = pair[1]) {
            FileIo.setStatusFlags(ours.number(), FileIo.statusFlags(ours.number()) | Fd.O_NONBLOCK);
            port.connect(ours.number());
            int piece = input.length == 0 ? 1 : 1 + (input[0] & 255);
            for (int at = 1; at < input.length; at += piece) {
                int count = Math.min(piece, input.length - at);
                MemorySegment.copy(input, at, memory, ValueLayout.JAVA_BYTE, 1 << 16, count);
                if (peer.send(memory.asSlice(1 << 16, count)) < 0) {
                    assertFalse(ends.isEmpty(), "what is no stream of frames is not read, and nothing else stays");
                    break;
                }
                receiveAll(received);
            }
            peer.shutdown();
            receiveAll(received);
            receiveAll(received);
            port.disconnect();
        }
        check(input, received, port.shortFrames() - shortBefore);
    }

    private void receiveAll(List<byte[]> received) {
        for (int i = 0; ; i++) {
            assertTrue(i < MOST_RECEIVES, "no end");
            memory.set(ValueLayout.JAVA_LONG, 0, header.address());
            memory.set(ValueLayout.JAVA_LONG, 8, NetHeader.BYTES);
            memory.set(ValueLayout.JAVA_LONG, 16, frame.address());
            memory.set(ValueLayout.JAVA_LONG, 24, 20);
            memory.set(ValueLayout.JAVA_LONG, 32, frame.address() + 20);
            memory.set(ValueLayout.JAVA_LONG, 40, NetHeader.MAX_FRAME_BYTES - 20);
            long rc = port.receive(memory.address(), 3);
            if (rc < 0) {
                return;
            }
            received.add(frame.asSlice(0, rc - NetHeader.BYTES).toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** What a reader that has all of it at once would find. */
    private void check(byte[] input, List<byte[]> received, long shortFrames) {
        ByteBuffer stream = ByteBuffer.wrap(input);
        stream.position(Math.min(1, input.length));
        int frames = 0;
        int tooShort = 0;
        boolean broken = false;
        while (stream.remaining() >= 4 && !broken) {
            int length = stream.getInt();
            broken = length < 0 || length > NetHeader.MAX_FRAME_BYTES;
            if (broken || length > stream.remaining()) {
                break;
            }
            byte[] expected = new byte[length];
            stream.get(expected);
            if (length < NetHeader.MIN_FRAME_BYTES) {
                tooShort++;
            } else {
                assertTrue(frames < received.size(), "a frame is missing");
                assertArrayEquals(expected, received.get(frames++));
            }
        }
        assertEquals(frames, received.size());
        assertEquals(tooShort, shortFrames);
        assertEquals(1, ends.size(), ends::toString);
        assertEquals(broken, ends.getFirst().startsWith("sent a frame of "), ends::toString);
    }
}
