// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Memfd;
import dev.miraflores.linux.ReceivedFds;
import dev.miraflores.linux.UnixSocket;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A front end that sends any messages with any descriptors, and stores anything in the memory that it shares: the session ends
 * with nothing left open, and the disk serves the next one.
 */
class VhostUserFuzzTest {

    private static final int MESSAGE = 0;
    private static final int SHORT_MESSAGE = 1;
    private static final int RAW = 2;
    private static final int STORE = 3;
    private static final int KICK = 4;
    private static final int SETTLE = 5;
    private static final int EVENTS = 6;

    private static final int RAM_BYTES = 1 << 16;
    private static final int ROUNDS = 256;
    private static final int SLACK = 16;

    private static final Fd RAM = memory("ram");
    private static final Fd RECORD = memory("record");
    private static final MemorySegment RAM_BYTES_SEEN = Mapping.file(
        RAM.number(), 0, RAM_BYTES, Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED).segment();
    private static final EventFd EVENT = EventFd.create();
    private static final Fd OTHER = Fd.open("/dev/null", Fd.O_RDWR);
    private static final UnixSocket[] CHANNEL = UnixSocket.pair();
    private static final MemorySegment SENT = Arena.global().allocate(8192);

    /** One disk for all inputs, since it has a thread. */
    private static VirtioBlockDevice disk;
    private static int inputs;
    private static int descriptors;

    private static Fd memory(String name) {
        Fd fd = Memfd.create(name, 0);
        FileIo.ftruncate(fd.number(), RAM_BYTES);
        return fd;
    }

    static Stream<byte[]> seeds() {
        Seed run = new Seed();
        message(run, FrontendRequest.SET_PROTOCOL_FEATURES, 1).u64(Commands.PROTOCOL_FEATURES);
        message(run, FrontendRequest.SET_FEATURES, 1).u64(1L << 32 | 1L << 30);
        run.u8(MESSAGE, FrontendRequest.SET_MEM_TABLE.code(), 1, 1, 0, 40).u32(1, 0).u64(0, RAM_BYTES, 0x10000, 0);
        run.u8(MESSAGE, FrontendRequest.GET_INFLIGHT_FD.code(), 0, 0, 24).u64(0, 0).u16(1, 16).u32(0);
        run.u8(MESSAGE, FrontendRequest.SET_INFLIGHT_FD.code(), 1, 1, 1, 24).u64(RAM_BYTES, 0).u16(1, 16).u32(0);
        run.u8(MESSAGE, FrontendRequest.SET_VRING_NUM.code(), 0, 0, 8).u32(0, 16);
        run.u8(MESSAGE, FrontendRequest.SET_VRING_BASE.code(), 0, 0, 8).u32(0, 0);
        run.u8(MESSAGE, FrontendRequest.SET_VRING_ADDR.code(), 0, 0, 40).u32(0, 1).u64(0x11000, 0x13000, 0x12000, 0);
        run.u8(MESSAGE, FrontendRequest.SET_VRING_KICK.code(), 0, 1, 2, 8).u64(0);
        run.u8(MESSAGE, FrontendRequest.SET_VRING_CALL.code(), 0, 1, 2, 8).u64(0);
        run.u8(MESSAGE, FrontendRequest.SET_VRING_ENABLE.code(), 1, 0, 8).u32(0, 1);
        run.u8(SETTLE, STORE).u16(0x2000).u8(7).u16(0, 1, 0).u16(0).u8(KICK, SETTLE);
        run.u8(MESSAGE, FrontendRequest.SET_LOG_BASE.code(), 0, 1, 1, 16).u64(4096, 0);
        run.u8(MESSAGE, FrontendRequest.GET_CONFIG.code(), 0, 0, 72).u32(0, 60, 0);
        Seed end = new Seed().raw(run.bytes()).raw(new byte[60]);
        end.u8(MESSAGE, FrontendRequest.GET_VRING_BASE.code(), 0, 0, 8).u32(0, 0);
        Seed memory = new Seed().raw(run.bytes());
        message(memory, FrontendRequest.RESET_DEVICE, 1);
        memory.u8(RAW, 20).u32(1, 1, 8).u64(3);
        return Stream.of(run, end, memory).map(Seed::bytes);
    }

    /** Without descriptors, and with eight bytes to follow where there is a payload. */
    private static Seed message(Seed seed, FrontendRequest request, int needReply) {
        int size = request == FrontendRequest.RESET_DEVICE ? 0 : 8;
        return seed.u8(MESSAGE, request.code(), needReply, 0, size);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldOutliveAnyFrontEnd(byte[] bytes) {
        if (disk == null) {
            disk = VirtioBlockDevice.open(BlockDeviceConfig.nothing("fuzz").queueSize(64).queues(2).inOrder(true).build());
        }
        RAM_BYTES_SEEN.fill((byte) 0);
        FuzzInput input = new FuzzInput(bytes);
        UnixSocket[] ends = UnixSocket.pair();
        Session session = new Session(disk, ends[0], new LimitedLog(VhostUserFuzzTest.class, "fuzz: "));
        try (Bounds _ = new Bounds()) {
            try {
                while (input.hasMore() && happen(input, session, ends[1])) {
                    drain(ends[1]);
                }
            } catch (ProtocolException e) {
                // Dropped, as it deserves.
            }
            assertNull(session.end(), "hung");
        } finally {
            ends[1].close();
        }
        checkDescriptors();
    }

    /** Whether the session goes on. */
    private boolean happen(FuzzInput input, Session session, UnixSocket peer) throws ProtocolException {
        switch (input.below(EVENTS)) {
            case MESSAGE -> {
                return send(input, session, peer, 0);
            }
            case SHORT_MESSAGE -> {
                return send(input, session, peer, 1 + input.below(4));
            }
            case RAW -> {
                byte[] raw = input.take(1 + input.below(64));
                MemorySegment.copy(raw, 0, SENT, ValueLayout.JAVA_BYTE, 0, raw.length);
                peer.send(SENT.asSlice(0, Math.max(1, raw.length)));
                return session.step(0);
            }
            case STORE -> {
                int at = input.u16();
                byte[] stored = input.take(1 + input.below(32));
                MemorySegment.copy(stored, 0, RAM_BYTES_SEEN, ValueLayout.JAVA_BYTE, at, Math.min(stored.length, RAM_BYTES - at));
            }
            case KICK -> EVENT.signal();
            default -> {
                session.settle();
                disk.thread().call(() -> { });
                disk.thread().call(() -> { });
            }
        }
        return true;
    }

    /** A message whose size is right, but for {@code less} bytes; its payload is the input's. */
    private boolean send(FuzzInput input, Session session, UnixSocket peer, int less) throws ProtocolException {
        int code = input.below(48);
        int flags = 1 | (input.u8() & 7) << 3;
        int[] fds = new int[input.below(10)];
        for (int i = 0; i < fds.length; i++) {
            fds[i] = descriptor(input.below(5));
        }
        int size = input.u8();
        byte[] payload = input.take(size);
        SENT.set(ValueLayout.JAVA_INT, 0, code);
        SENT.set(ValueLayout.JAVA_INT, 4, flags);
        SENT.set(ValueLayout.JAVA_INT, 8, Math.max(0, size - less));
        SENT.asSlice(12, size).fill((byte) 0);
        MemorySegment.copy(payload, 0, SENT, ValueLayout.JAVA_BYTE, 12, payload.length);
        peer.send(SENT.asSlice(0, 12 + Math.max(0, size - less)), fds);
        return session.step(0);
    }

    private static int descriptor(int which) {
        return switch (which) {
            case 0 -> RAM.number();
            case 1 -> RECORD.number();
            case 2 -> EVENT.number();
            case 3 -> CHANNEL[0].number();
            default -> OTHER.number();
        };
    }

    /** Replies, which nobody looks at. */
    private static void drain(UnixSocket peer) {
        int got = 1;
        while (got > 0) {
            try (ReceivedFds fds = new ReceivedFds()) {
                got = peer.receive(SENT.asSlice(4096), fds);
            }
        }
    }

    /** The JVM opens some of its own, but not one for each input. */
    private static void checkDescriptors() {
        if (++inputs % ROUNDS == 0) {
            int now = new File("/proc/self/fd").list().length;
            assertTrue(descriptors == 0 || now <= descriptors + SLACK, now + " descriptors, " + descriptors + " before");
            descriptors = descriptors == 0 ? now : descriptors;
        }
    }
}
