// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.miraflores.devices.net.NetHeader;
import dev.miraflores.linux.Fd;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** However a stream is cut into pieces, its frames come out whole and in order; and both ends agree on it. */
class FramePortProperties {

    @Property(tries = 300)
    void shouldFindTheFramesWhereverTheStreamIsCut(
            @ForAll @Size(min = 1, max = 12) List<@IntRange(max = NetHeader.MAX_FRAME_BYTES) Integer> lengths,
            @ForAll @Size(min = 1, max = 20) List<@IntRange(min = 1, max = 90_000) Integer> cuts,
            @ForAll @IntRange(min = 1, max = 5000) int piece) {
        FramePort port = new FramePort(why -> {
            throw new AssertionError(why);
        });
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        List<byte[]> expected = new ArrayList<>();
        for (int length : lengths) {
            byte[] frame = Packets.frame(length, length);
            stream.writeBytes(PeerSocket.framed(frame));
            if (length >= NetHeader.MIN_FRAME_BYTES) {
                expected.add(frame);
            }
        }
        byte[] bytes = stream.toByteArray();
        List<byte[]> received = new ArrayList<>();
        Packets packets = new Packets();
        try (PeerSocket peer = PeerSocket.connect(port)) {
            int at = 0;
            for (int i = 0; at < bytes.length; i++) {
                int rc = peer.send(bytes, at, Math.min(cuts.get(i % cuts.size()), bytes.length - at));
                at += Math.max(0, rc);
                for (byte[] frame; (frame = packets.receive(port, piece, true)) != null; ) {
                    received.add(frame);
                }
            }
            for (int i = 0; i < 20 && received.size() < expected.size(); i++) {
                byte[] frame = packets.receive(port, piece, true);
                received.addAll(frame == null ? List.of() : List.of(frame));
            }
            assertNull(packets.receive(port, piece, true));
        } finally {
            Fd.close(port.descriptor());
        }
        assertEquals(expected.size(), received.size());
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), received.get(i));
        }
        assertEquals(lengths.size() - expected.size(), port.shortFrames());
    }
}
