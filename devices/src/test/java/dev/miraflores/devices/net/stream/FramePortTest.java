// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.NetHeader;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FramePortTest {

    private static final long LONG_NS = 20_000_000_000L;

    private final List<String> ends = new ArrayList<>();
    private final FramePort port = new FramePort(ends::add);
    private final PeerSocket peer = PeerSocket.connect(port);
    private final Packets packets = new Packets();

    @AfterEach
    void close() {
        peer.close();
        Fd.close(port.descriptor());
    }

    private byte[] receive() {
        return packets.receive(port, 1000, true);
    }

    @Test
    void shouldCarryFramesBothWays() {
        byte[] frame = Packets.frame(1514, 1);
        assertTrue(packets.send(port, frame, 100) >= 0);
        assertArrayEquals(PeerSocket.framed(frame), peer.receive(5000));
        peer.send(PeerSocket.framed(frame));
        assertArrayEquals(frame, receive());
        assertNull(receive());
    }

    @Test
    void shouldTakeManyFramesOfOneRead() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = 0; i < 1000; i++) {
            bytes.writeBytes(PeerSocket.framed(Packets.frame(60, i)));
        }
        peer.send(bytes.toByteArray());
        for (int i = 0; i < 1000; i++) {
            assertArrayEquals(Packets.frame(60, i), receive());
        }
        assertNull(receive());
    }

    @Test
    void shouldWaitForTheRestOfAFrame() {
        byte[] bytes = PeerSocket.framed(Packets.frame(NetHeader.MAX_FRAME_BYTES, 3));
        for (int i = 0; i < 5; i++) {
            peer.send(new byte[] {bytes[i]});
            assertNull(receive());
        }
        for (int at = 5; at < bytes.length; at += 10_000) {
            assertNull(receive());
            int count = Math.min(10_000, bytes.length - at);
            assertEquals(count, peer.send(bytes, at, count));
        }
        assertArrayEquals(Packets.frame(NetHeader.MAX_FRAME_BYTES, 3), receive());
    }

    @Test
    void shouldPassOverWhatIsTooShort() {
        for (int length = 0; length < NetHeader.MIN_FRAME_BYTES; length++) {
            peer.send(PeerSocket.framed(new byte[length]));
        }
        peer.send(PeerSocket.framed(Packets.frame(14, 5)));
        assertArrayEquals(Packets.frame(14, 5), receive());
        assertEquals(14, port.shortFrames());
    }

    @Test
    void shouldNotReadForEverFromOneWhoSendsNothingOfUse() {
        byte[] zeroes = new byte[100_000];
        peer.send(zeroes);
        int calls = 0;
        while (port.shortFrames() < zeroes.length / 4 && calls < 100) {
            assertNull(receive());
            calls++;
        }
        assertEquals(zeroes.length / 4, port.shortFrames());
        assertTrue(ends.isEmpty());
    }

    @ParameterizedTest
    @ValueSource(ints = {NetHeader.MAX_FRAME_BYTES + 1, Integer.MAX_VALUE, -1, Integer.MIN_VALUE})
    void shouldEndAtALengthThatNoFrameHas(int length) {
        peer.send(ByteBuffer.allocate(4).putInt(length).array());
        assertNull(receive());
        assertEquals(1, ends.size());
        assertTrue(ends.getFirst().startsWith("sent a frame of " + Integer.toUnsignedString(length) + " bytes"), ends::getFirst);
        assertNull(receive());
        assertEquals(-Errno.ENOTCONN, packets.send(port, new byte[60], 60));
        assertEquals(1, ends.size());
    }

    @Test
    void shouldEndInTheMiddleOfAFrame() {
        peer.send(new byte[] {0, 0, 0, 60, 1});
        assertNull(receive());
        peer.close();
        assertNull(receive());
        assertEquals(List.of("closed the connection in the middle of a frame"), ends);
    }

    @Test
    void shouldTakeWhatWasSentBeforeTheEnd() {
        peer.send(PeerSocket.framed(Packets.frame(60, 1)));
        peer.close();
        assertArrayEquals(Packets.frame(60, 1), receive());
        assertNull(receive());
        assertEquals(List.of("closed the connection"), ends);
    }

    @Test
    void shouldSayThatThePeerIsGone() {
        peer.close();
        assertEquals(-Errno.ENOTCONN, packets.send(port, new byte[60], 60));
        assertEquals(List.of("is gone"), ends);
    }

    /** Whoever does not read holds nobody up; and what he reads later are whole frames, each once. */
    @Test
    void shouldSendTheRestOfAFrameFirst() {
        int sent = 0;
        int rc;
        do {
            rc = (int) packets.send(port, Packets.frame(65_000, sent), 4096);
            sent += rc >= 0 ? 1 : 0;
        } while (rc >= 0);
        assertEquals(-Errno.EAGAIN, rc);
        assertEquals(-Errno.EAGAIN, packets.send(port, Packets.frame(65_000, sent), 4096));
        ByteArrayOutputStream received = new ByteArrayOutputStream();
        int last = sent + 3;
        while (sent < last) {
            received.writeBytes(peer.receive(7777));
            sent += packets.send(port, Packets.frame(65_000, sent), 4096) >= 0 ? 1 : 0;
        }
        for (byte[] more; (more = peer.receive(1 << 20)).length != 0; ) {
            received.writeBytes(more);
        }
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        for (int i = 0; i < last; i++) {
            expected.writeBytes(PeerSocket.framed(Packets.frame(65_000, i)));
        }
        assertArrayEquals(expected.toByteArray(), received.toByteArray());
    }

    /** A frame that does not come once more, since the guest was reset meanwhile: the next one is not taken for it. */
    @Test
    void shouldSendAnotherFrameAfterOneThatWasGivenUp() {
        int sent = 0;
        while (packets.send(port, Packets.frame(65_000, sent), 4096) >= 0) {
            sent++;
        }
        port.abandon();
        byte[] next = Packets.frame(100, 77);
        ByteArrayOutputStream received = new ByteArrayOutputStream();
        while (packets.send(port, next, 100) < 0) {
            received.writeBytes(peer.receive(7777));
        }
        for (byte[] more; (more = peer.receive(1 << 20)).length != 0; ) {
            received.writeBytes(more);
        }
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        for (int i = 0; i <= sent; i++) {
            expected.writeBytes(PeerSocket.framed(Packets.frame(65_000, i)));
        }
        expected.writeBytes(PeerSocket.framed(next));
        assertArrayEquals(expected.toByteArray(), received.toByteArray());
    }

    /** Wherever it was in the stream, whoever goes on with it finds a frame next; whole frames that nobody took are lost. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 4, 5, 63, 64, 65, 100})
    void shouldLeaveTheStreamBetweenFrames(int taken) throws InterruptedException {
        byte[] first = PeerSocket.framed(Packets.frame(60, 1));
        byte[] third = PeerSocket.framed(Packets.frame(1000, 3));
        byte[] stream = ByteBuffer.allocate(2 * first.length + third.length).put(first).put(first).put(third).array();
        peer.send(stream, 0, taken);
        receive();
        peer.send(Arrays.copyOfRange(stream, taken, stream.length));
        assertTrue(port.leaveBetweenFrames(System.nanoTime() + LONG_NS));
        port.connect(port.descriptor());
        int whole = taken == 0 ? 0 : (taken + first.length - 1) / first.length;
        for (int i = whole; i < 2; i++) {
            assertArrayEquals(Packets.frame(60, 1), receive());
        }
        assertArrayEquals(Packets.frame(1000, 3), receive());
        assertNull(receive());
    }

    @Test
    void shouldLeaveOnceAFrameIsOutAsAWhole() throws InterruptedException {
        int sent = 0;
        while (packets.send(port, Packets.frame(65_000, sent), 4096) >= 0) {
            sent++;
        }
        ByteArrayOutputStream received = new ByteArrayOutputStream();
        Thread reader = Thread.ofPlatform().start(() -> {
            boolean allSent;
            do {
                allSent = Thread.interrupted(); // before it looks, so that it has seen all
                for (byte[] more; (more = peer.receive(1 << 20)).length != 0; ) {
                    received.writeBytes(more);
                }
            } while (!allSent);
        });
        assertTrue(port.leaveBetweenFrames(System.nanoTime() + LONG_NS));
        reader.interrupt();
        reader.join();
        assertEquals((sent + 1) * (65_000 + FramePort.LENGTH_BYTES), received.size());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 50})
    void shouldSayThatNobodyCanGoOn(int there) {
        peer.send(PeerSocket.framed(Packets.frame(60, 1)), 0, there);
        assertNull(receive());
        assertFalse(port.leaveBetweenFrames(System.nanoTime() + 20_000_000), "nothing more comes");
        peer.close();
        assertFalse(port.leaveBetweenFrames(System.nanoTime() + LONG_NS), "the end");
    }

    @Test
    void shouldBeginAnewWithTheNextPeer() {
        peer.send(new byte[] {0, 0, 0, 60, 1});
        assertNull(receive());
        int before = port.descriptor();
        try (PeerSocket next = PeerSocket.connect(port)) {
            next.send(PeerSocket.framed(Packets.frame(70, 2)));
            assertArrayEquals(Packets.frame(70, 2), receive());
        }
        Fd.close(before);
    }
}
