// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.ReceivedFds;
import dev.miraflores.linux.UnixSocket;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VhostUserConnectionTest {

    private static final int TIMEOUT_MS = 10_000;
    private static final int SOON_MS = 20;

    private final UnixSocket[] ends = UnixSocket.pair();
    private final VhostUserConnection connection = new VhostUserConnection(ends[0]);
    private final UnixSocket peer = ends[1];
    private final Message message = new Message();
    private final Arena arena = Arena.ofShared();

    @AfterEach
    void close() {
        message.close();
        connection.close();
        peer.close();
        arena.close();
    }

    @Test
    void shouldCarryAMessageWithDescriptors() throws ProtocolException {
        VhostUserConnection other = new VhostUserConnection(peer);
        try (EventFd event = EventFd.create(); Message sent = new Message()) {
            new VringFd(3, true).write(sent.request(FrontendRequest.SET_VRING_KICK).needReply());
            other.send(sent, TIMEOUT_MS, event.number());

            assertTrue(connection.receive(message, TIMEOUT_MS));

            assertEquals(FrontendRequest.SET_VRING_KICK, FrontendRequest.of(message.code()));
            assertTrue(message.needsReply());
            assertFalse(message.isReply());
            assertEquals(new VringFd(3, true), VringFd.read(message));
            assertEquals(1, message.fdCount());
            try (Fd fd = message.takeFd()) {
                assertTrue(fd.isOpen());
            }
        }
    }

    @Test
    void shouldPutAMessageTogetherThatComesBytewise() throws Exception {
        byte[] bytes = header(FrontendRequest.SET_FEATURES.code(), MessageLayout.VERSION, 8, 8);
        bytes[MessageLayout.PAYLOAD_OFFSET] = 7;
        Thread sender = Thread.ofPlatform().start(() -> {
            for (byte b : bytes) {
                peer.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, b));
            }
        });

        assertTrue(connection.receive(message, TIMEOUT_MS));
        sender.join();

        assertEquals(7, message.u64());
    }

    /** Whoever waits for a message as long as it takes does not wait so for the rest of one. */
    @Test
    void shouldNotWaitForEverForTheRestOfAMessage() {
        VhostUserConnection impatient = new VhostUserConnection(ends[0], SOON_MS);
        byte[] bytes = header(FrontendRequest.SET_FEATURES.code(), MessageLayout.VERSION, 8, 8);
        for (int sent : new int[] {1, MessageLayout.PAYLOAD_OFFSET, bytes.length - 1}) {
            peer.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, Arrays.copyOf(bytes, sent)));

            ProtocolException e = assertThrows(ProtocolException.class,
                () -> impatient.receive(message, VhostUserConnection.FOREVER));

            assertEquals("the rest of a message did not come for " + SOON_MS + " ms", e.getMessage(), "after " + sent + " bytes");
        }
    }

    /** Two messages in one piece: the second's bytes and descriptors stay the second's. */
    @Test
    void shouldKeepMessagesApart() throws ProtocolException {
        VhostUserConnection other = new VhostUserConnection(peer);
        try (EventFd event = EventFd.create(); Message sent = new Message()) {
            other.send(sent.request(FrontendRequest.SET_OWNER), TIMEOUT_MS);
            new VringFd(0, true).write(sent.request(FrontendRequest.SET_VRING_CALL));
            other.send(sent, TIMEOUT_MS, event.number());

            assertTrue(connection.receive(message, TIMEOUT_MS));
            assertEquals(FrontendRequest.SET_OWNER.code(), message.code());
            assertEquals(0, message.fdCount());
            assertTrue(connection.receive(message, TIMEOUT_MS));
            assertEquals(FrontendRequest.SET_VRING_CALL.code(), message.code());
            assertEquals(1, message.fdCount());
        }
    }

    @Test
    void shouldSendALongMessageThatDoesNotFitAtOnce() throws Exception {
        // Fill what the socket holds first, so that the message has to wait for room.
        MemorySegment filler = arena.allocate(4096);
        long filled = 0;
        for (int rc = ends[0].send(filler); rc > 0; rc = ends[0].send(filler)) {
            filled += rc;
        }
        long toDrop = filled;
        VhostUserConnection other = new VhostUserConnection(peer);
        Message received = new Message();
        Thread reader = Thread.ofPlatform().start(() -> drop(toDrop));
        message.request(FrontendRequest.GET_CONFIG).size(MessageLayout.MAX_PAYLOAD_BYTES);

        connection.send(message, TIMEOUT_MS);
        reader.join();

        assertTrue(other.receive(received, TIMEOUT_MS));
        assertEquals(MessageLayout.MAX_PAYLOAD_BYTES, received.size());
        received.close();
    }

    private void drop(long byteCount) {
        MemorySegment into = arena.allocate(4096);
        try (var fds = new ReceivedFds()) {
            for (long left = byteCount; left > 0;) {
                int rc = peer.receive(into.asSlice(0, Math.min(left, into.byteSize())), fds);
                left -= Math.max(rc, 0);
            }
        }
    }

    @Test
    void shouldTellTheEndFromATornMessage() throws ProtocolException {
        peer.send(arena.allocateFrom(ValueLayout.JAVA_BYTE,
            header(FrontendRequest.SET_OWNER.code(), MessageLayout.VERSION, 0, 0)));
        peer.send(arena.allocate(5));
        peer.shutdown();

        assertTrue(connection.receive(message, TIMEOUT_MS));
        ProtocolException e = assertThrows(ProtocolException.class, () -> connection.receive(message, TIMEOUT_MS));
        assertTrue(e.getMessage().contains("5 bytes"), e.getMessage());
        assertFalse(connection.receive(message, TIMEOUT_MS));
    }

    @Test
    void shouldRefuseAPayloadThatIsTooLong() {
        sendRaw(header(1, MessageLayout.VERSION, -1, 0));

        ProtocolException e = assertThrows(ProtocolException.class, () -> connection.receive(message, TIMEOUT_MS));
        assertEquals("message 1: a payload of 4294967295 bytes, 4096 at most", e.getMessage());
    }

    @Test
    void shouldRefuseAnotherVersion() {
        sendRaw(header(1, 2, 0, 0));

        assertThrows(ProtocolException.class, () -> connection.receive(message, TIMEOUT_MS));
    }

    @Test
    void shouldRefuseMoreDescriptorsThanAnyMessageHas() {
        try (EventFd event = EventFd.create()) {
            int[] many = new int[MessageLayout.MAX_FDS + 1];
            Arrays.fill(many, event.number());
            sendRaw(header(FrontendRequest.SET_OWNER.code(), MessageLayout.VERSION, 0, 0), many);

            assertThrows(ProtocolException.class, () -> connection.receive(message, TIMEOUT_MS));
        }
    }

    @Test
    void shouldCloseDescriptorsThatNobodyTakes() throws ProtocolException {
        try (EventFd event = EventFd.create()) {
            int before = openDescriptors();
            for (int i = 0; i < 20; i++) {
                sendRaw(header(FrontendRequest.SET_OWNER.code(), MessageLayout.VERSION, 0, 0),
                    event.number(), event.number());
                assertTrue(connection.receive(message, TIMEOUT_MS));
            }
            message.close();
            assertEquals(before, openDescriptors(), 10, "descriptors, 40 of them sent");
        }
    }

    @Test
    void shouldGiveUpAfterItsTime() {
        ProtocolException e = assertThrows(ProtocolException.class, () -> connection.receive(message, SOON_MS));
        assertTrue(e.getMessage().contains("20 ms"), e.getMessage());
        assertThrows(ProtocolException.class, () -> {
            for (int i = 0; i < 10_000; i++) {
                connection.send(message.request(FrontendRequest.SET_OWNER), SOON_MS);
            }
        });
    }

    @Test
    void shouldBeCalledOutByShutdown() throws Exception {
        boolean[] more = {true};
        Thread receiver = Thread.ofPlatform().start(() -> {
            try {
                more[0] = connection.receive(message, VhostUserConnection.FOREVER);
            } catch (ProtocolException e) {
                throw new AssertionError(e);
            }
        });
        connection.shutdown();
        receiver.join(TIMEOUT_MS);

        assertFalse(receiver.isAlive());
        assertFalse(more[0]);
        assertThrows(ProtocolException.class, () -> connection.send(message.request(BackendRequest.VRING_CALL), SOON_MS));
    }

    @Test
    void shouldReadBackWhatItWrites() throws ProtocolException {
        message.request(FrontendRequest.SET_VRING_NUM);
        VringState state = new VringState(1, 0x8001_0002);
        VringAddress address = new VringAddress(1, VringAddress.F_LOG, -2, 3L << 40, 5, 6);
        RegionDescription region = new RegionDescription(1L << 32, 4096, -4096, 12288);
        InflightDescription inflight = new InflightDescription(1L << 20, 4096, 65535, 32768);
        LogDescription log = new LogDescription(65536, 8192);
        ConfigAccess config = new ConfigAccess(32, 1, ConfigAccess.MIGRATION);

        assertEquals(state, VringState.read(state.write(message)));
        assertEquals(address, VringAddress.read(address.write(message)));
        assertEquals(region, RegionDescription.readSingle(region.writeSingle(message)));
        assertEquals(List.of(region, region), RegionDescription.readTable(
            RegionDescription.writeTable(message, List.of(region, region))));
        assertEquals(inflight, InflightDescription.read(inflight.write(message)));
        assertEquals(log, LogDescription.read(log.write(message)));
        assertEquals(config, ConfigAccess.read(config.write(message)));
        assertTrue(config.isConsistent(message));
        assertEquals(new VringFd(255, false), VringFd.read(new VringFd(255, false).write(message)));
    }

    @Test
    void shouldRefuseATableThatItsSizeDoesNotHold() {
        RegionDescription region = new RegionDescription(0, 4096, 0, 0);
        RegionDescription.writeTable(message.request(FrontendRequest.SET_MEM_TABLE), List.of(region, region));
        message.size(8 + 63);
        assertThrows(ProtocolException.class, () -> RegionDescription.readTable(message));
        message.payload().set(MessageLayout.U32, 0, 9);
        message.size(MessageLayout.MAX_PAYLOAD_BYTES);
        assertThrows(ProtocolException.class, () -> RegionDescription.readTable(message));
        message.payload().set(MessageLayout.U32, 0, -1);
        assertThrows(ProtocolException.class, () -> RegionDescription.readTable(message));
        message.size(4);
        assertThrows(ProtocolException.class, () -> RegionDescription.readTable(message));
    }

    @Test
    void shouldKnowEveryRequestByItsNumber() {
        for (FrontendRequest request : FrontendRequest.values()) {
            assertEquals(request, FrontendRequest.of(request.code()));
        }
        for (BackendRequest request : BackendRequest.values()) {
            assertEquals(request, BackendRequest.of(request.code()));
        }
        for (int none : new int[] {0, -1, 44, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertEquals(null, FrontendRequest.of(none));
            assertEquals(null, BackendRequest.of(none));
        }
        assertEquals(1L << 19, ProtocolFeature.DEVICE_STATE.mask());
        assertEquals(0b1001, ProtocolFeature.masks(ProtocolFeature.MQ, ProtocolFeature.REPLY_ACK));
    }

    private static byte[] header(int request, int flags, int size, int payloadBytes) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[MessageLayout.PAYLOAD_OFFSET + payloadBytes]);
        bytes.set(MessageLayout.U32, MessageLayout.REQUEST_OFFSET, request);
        bytes.set(MessageLayout.U32, MessageLayout.FLAGS_OFFSET, flags);
        bytes.set(MessageLayout.U32, MessageLayout.SIZE_OFFSET, size);
        return (byte[]) bytes.heapBase().orElseThrow();
    }

    private void sendRaw(byte[] bytes, int... fds) {
        MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
        assertEquals(bytes.length, peer.send(from, fds));
    }

    private static int openDescriptors() {
        return new File("/proc/self/fd").list().length;
    }
}
