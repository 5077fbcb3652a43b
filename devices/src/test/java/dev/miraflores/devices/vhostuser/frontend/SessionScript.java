// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.MessageLayout;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * All that a back end will ever say, said before it is asked; and a front end that goes through a session with that. Any bytes
 * are a script:
 * <pre>  u8   descriptors that go along, the lower two bits
 *   u8   length
 *        so many bytes                   and again </pre>
 */
public final class SessionScript {

    /** Longer than any test of it takes: what is not there never comes, as the other end is closed. */
    private static final long REPLY_NS = 5_000_000_000L;

    private static final BackendRole NIC = new NetRole("n", 0x02_00_00_00_00_01L, 1400);

    private SessionScript() {
    }

    /**
     * Goes through a session until it fails, which it does at the end of the script at the latest.
     *
     * @return how it failed
     */
    public static String play(byte[] script, EventFd surplus) {
        return play(script, new DiskRole("d"), surplus);
    }

    /** As {@link #play(byte[], EventFd)}, of a NIC. */
    public static String playNet(byte[] script, EventFd surplus) {
        return play(script, NIC, surplus);
    }

    private static String play(byte[] script, BackendRole role, EventFd surplus) {
        UnixSocket[] ends = UnixSocket.pair();
        say(script, ends[1], surplus);
        // What has come is still received, and then the end; what is sent is not refused.
        ends[0].shutdownReceive();
        try (BackendSession session = new BackendSession(ends[0], role, REPLY_NS)) {
            String why = run(session, role, surplus);
            if (why.isEmpty() || why.indexOf('\n') >= 0) {
                throw new AssertionError("not one line: " + why);
            }
            return why;
        } finally {
            ends[1].close();
        }
    }

    /** Says the script on the back end's own channel. */
    public static boolean playChannel(byte[] script, EventFd surplus) {
        UnixSocket[] ends = UnixSocket.pair();
        try (BackendChannel channel = new BackendChannel(ends)) {
            say(script, ends[1], surplus);
            channel.handedOver();
            for (int turn = 0; channel.isOpen(); turn++) {
                if (turn > script.length) {
                    throw new AssertionError("no end of it");
                }
                channel.serve();
            }
            return channel.takeConfigChange();
        }
    }

    private static void say(byte[] script, UnixSocket to, EventFd surplus) {
        try (Arena arena = Arena.ofConfined()) {
            for (int at = 0; at + 2 < script.length;) {
                int length = Math.min(script[at + 1] & 0xff, script.length - at - 2);
                int[] fds = new int[script[at] & 3];
                Arrays.fill(fds, surplus.number());
                MemorySegment bytes = arena.allocate(Math.max(1, length));
                MemorySegment.copy(MemorySegment.ofArray(script), at + 2, bytes, 0, length);
                if (length > 0 && to.send(bytes.asSlice(0, length), fds) < length) {
                    return;
                }
                at += 2 + length;
            }
        }
    }

    private static String run(BackendSession session, BackendRole role, EventFd event) {
        try {
            BackendOffer offer = session.negotiate();
            role.opened(offer, 1);
            session.setFeatures(offer.offered(true, 1, role.multiQueue()), 3, 11);
            InflightArea area = session.newInflightArea(1, 64);
            if (area != null) {
                try (area) {
                    session.setInflightArea(area);
                }
            }
            session.setVring(FrontendRequest.SET_VRING_NUM, 0, 64);
            session.setVringAddress(new VringAddress(0, 0, 0x1000, 0x2000, 0x3000, 0));
            session.setVringEvent(FrontendRequest.SET_VRING_CALL, 0, event.number());
            session.setVring(FrontendRequest.SET_VRING_ENABLE, 0, 1);
            session.setStatus(15);
            session.settle();
            role.beforeStart(session);
            if (offer.config().length != 0) {
                role.configured(session.readConfig(offer.config().length), null);
                session.writeConfig(RemoteConfigSpace.wceOffset(), 1);
            }
            session.stopVring(0);
            session.stoppedAt(0);
            session.resetDevice();
            return session.unasked().getMessage();
        } catch (SessionException e) {
            return e.getMessage();
        }
    }

    /** Writes scripts: answers as they should be, or not. */
    public static final class Writer {

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        /** An empty script. */
        public Writer() {
        }

        public Writer reply(int code, int fds, byte... payload) {
            return message(code, MessageLayout.VERSION | MessageLayout.REPLY, fds, payload);
        }

        public Writer u64(FrontendRequest request, long value) {
            return reply(request.code(), 0, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
        }

        public Writer message(int code, int flags, int fds, byte... payload) {
            bytes.write(fds);
            bytes.write(MessageLayout.PAYLOAD_OFFSET + payload.length);
            bytes.writeBytes(ByteBuffer.allocate(MessageLayout.PAYLOAD_OFFSET).order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(code).putInt(flags).putInt(payload.length).array());
            bytes.writeBytes(payload);
            return this;
        }

        public byte[] bytes() {
            return bytes.toByteArray();
        }
    }

    /** A session that goes well to its end. */
    public static byte[] polite() {
        byte[] config = new byte[12 + 36];
        config[4] = 36;
        DiskRole role = new DiskRole("d");
        Writer writer = greeting(role, role.passedOn() & ~(1L << 13 | 1L << 14 | 1L << 16))
                .u64(FrontendRequest.SET_BACKEND_REQ_FD, 0)
                .reply(FrontendRequest.GET_CONFIG.code(), 0, config);
        ring(writer)
                .reply(FrontendRequest.GET_CONFIG.code(), 0, config)
                .u64(FrontendRequest.SET_CONFIG, 0);
        return end(writer);
    }

    /** The same, of a NIC. */
    public static byte[] politeNet() {
        Writer writer = greeting(NIC, NIC.passedOn());
        ring(writer).u64(FrontendRequest.NET_SET_MTU, 0);
        return end(writer);
    }

    private static Writer greeting(BackendRole role, long features) {
        return new Writer()
                .u64(FrontendRequest.GET_FEATURES, features | 1L << 30)
                .u64(FrontendRequest.GET_PROTOCOL_FEATURES, role.protocol())
                .u64(FrontendRequest.SET_OWNER, 0)
                .u64(FrontendRequest.GET_QUEUE_NUM, 4);
    }

    private static Writer ring(Writer writer) {
        byte[] inflight = new byte[24];
        inflight[1] = 16;
        return writer
                .u64(FrontendRequest.SET_STATUS, 0)
                .u64(FrontendRequest.SET_FEATURES, 0)
                .u64(FrontendRequest.SET_STATUS, 0)
                .u64(FrontendRequest.GET_STATUS, 11)
                .reply(FrontendRequest.GET_INFLIGHT_FD.code(), 1, inflight)
                .u64(FrontendRequest.SET_INFLIGHT_FD, 0)
                .u64(FrontendRequest.SET_VRING_NUM, 0)
                .u64(FrontendRequest.SET_VRING_ADDR, 0)
                .u64(FrontendRequest.SET_VRING_CALL, 0)
                .u64(FrontendRequest.SET_VRING_ENABLE, 0)
                .u64(FrontendRequest.SET_STATUS, 0);
    }

    private static byte[] end(Writer writer) {
        return writer
                .reply(FrontendRequest.GET_VRING_BASE.code(), 0, new byte[8])
                .u64(FrontendRequest.SET_STATUS, 0)
                .bytes();
    }
}
