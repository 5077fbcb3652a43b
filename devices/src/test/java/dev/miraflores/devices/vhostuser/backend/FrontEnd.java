// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.vhostuser.ConfigAccess;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.InflightDescription;
import dev.miraflores.devices.vhostuser.LogDescription;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.vhostuser.VringFd;
import dev.miraflores.devices.vhostuser.VringState;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Memfd;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/**
 * A front end and the guest's driver behind it. Guest memory is one memfd in two regions, of which the second is the guest's
 * from 4 GiB on:
 * <pre>  0x0000  ring 0, 0x8000 ring 1, ...    0x80000  a header and a status byte for each request    0x100000  data </pre>
 */
final class FrontEnd implements AutoCloseable {

    static final int IN = 0;
    static final int OUT = 1;
    static final int FLUSH = 4;
    static final long REGION_BYTES = 4 << 20;
    static final long HIGH = 1L << 32;
    static final long USER = 0x7f00_0000_0000L;
    static final long DATA = 0x100000;
    static final int SIZE = 64;
    static final int TIMEOUT_MS = 20_000;
    private static final long RING_STRIDE = 0x8000;
    private static final long HEADERS = 0x80000;

    final Fd file = Memfd.create("guest", 0);
    final GuestMemory memory;
    final MemorySegment ram;
    final Message message = new Message();
    VhostUserConnection connection;
    final EventFd[] kicks;
    final EventFd[] calls;
    final EventFd[] errors;
    final VirtqueueDriver[] drivers;
    private final BufferElements elements = new BufferElements();
    long features;

    FrontEnd(int rings) {
        FileIo.ftruncate(file.number(), 2 * REGION_BYTES);
        memory = GuestMemory.of(List.of(region(0, 0), region(HIGH, REGION_BYTES)));
        ram = memory.regions().getFirst().segment();
        kicks = events(rings);
        calls = events(rings);
        errors = events(rings);
        drivers = new VirtqueueDriver[rings];
    }

    private GuestMemoryRegion region(long gpa, long offset) {
        return GuestMemoryRegion.shared(gpa, Mapping.file(file.number(), offset, REGION_BYTES,
            Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED), file, offset);
    }

    private static EventFd[] events(int count) {
        EventFd[] events = new EventFd[count];
        Arrays.setAll(events, i -> EventFd.create());
        return events;
    }

    // ---- messages

    FrontEnd connect(String path) {
        connection = new VhostUserConnection(UnixSocket.connect(path));
        return this;
    }

    void disconnect() {
        connection.close();
    }

    Message request(FrontendRequest request) {
        return message.request(request);
    }

    void send(int... fds) {
        try {
            connection.send(message, TIMEOUT_MS, fds);
        } catch (ProtocolException e) {
            throw new AssertionError(e);
        }
    }

    /** Sends it, and waits for the reply. */
    Message ask(int... fds) {
        int code = message.code();
        send(fds);
        try {
            assertTrue(connection.receive(message, TIMEOUT_MS), () -> "no reply to " + FrontendRequest.of(code));
        } catch (ProtocolException e) {
            throw new AssertionError(FrontendRequest.of(code).toString(), e);
        }
        assertEquals(code, message.code());
        assertTrue(message.isReply());
        return message;
    }

    long get(FrontendRequest request) {
        request(request);
        return ask().u64();
    }

    /** Sends what was prepared, with the wish for a reply: 0, or what says that it was refused. */
    long acknowledged(int... fds) {
        message.needReply();
        return ask(fds).u64();
    }

    void done(int... fds) {
        String what = FrontendRequest.of(message.code()).toString();
        assertEquals(0, acknowledged(fds), what);
    }

    /** Whether the back end has closed the connection. */
    boolean isDropped() {
        try {
            return !connection.receive(message, TIMEOUT_MS);
        } catch (ProtocolException e) {
            return true;
        }
    }

    /** As {@link #isDropped}; that it says nothing for too long is not enough. */
    void assertDropped() {
        try {
            assertFalse(connection.receive(message, TIMEOUT_MS), "still there");
        } catch (ProtocolException e) {
            throw new AssertionError(e);
        }
    }

    /** Features and memory, as all begin. */
    void begin(long wanted) {
        request(FrontendRequest.SET_OWNER);
        send();
        features = wanted;
        request(FrontendRequest.SET_PROTOCOL_FEATURES).u64(Commands.PROTOCOL_FEATURES);
        send();
        request(FrontendRequest.SET_FEATURES).u64(wanted | VhostFeatures.PROTOCOL_FEATURES);
        done();
        setMemory();
    }

    List<RegionDescription> regions() {
        return List.of(new RegionDescription(0, REGION_BYTES, USER, 0),
            new RegionDescription(HIGH, REGION_BYTES, USER + REGION_BYTES, REGION_BYTES));
    }

    void setMemory() {
        RegionDescription.writeTable(request(FrontendRequest.SET_MEM_TABLE), regions());
        done(file.number(), file.number());
    }

    static QueueGeometry geometry(int ring) {
        long at = RING_STRIDE * ring;
        return new QueueGeometry(SIZE, at, at + 0x4000, at + 0x6000);
    }

    VringAddress address(int ring, int flags, long log) {
        QueueGeometry at = geometry(ring);
        return new VringAddress(ring, flags, USER + at.descGpa(), USER + at.deviceGpa(), USER + at.driverGpa(), log);
    }

    void setNum(int ring) {
        new VringState(ring, SIZE).write(request(FrontendRequest.SET_VRING_NUM));
        done();
    }

    void setBase(int ring, int base) {
        new VringState(ring, base).write(request(FrontendRequest.SET_VRING_BASE));
        done();
    }

    void setAddress(int ring) {
        address(ring, 0, 0).write(request(FrontendRequest.SET_VRING_ADDR));
        done();
    }

    void setKick(int ring) {
        new VringFd(ring, true).write(request(FrontendRequest.SET_VRING_KICK));
        done(kicks[ring].number());
    }

    void setCall(int ring) {
        new VringFd(ring, true).write(request(FrontendRequest.SET_VRING_CALL));
        done(calls[ring].number());
    }

    void setError(int ring) {
        new VringFd(ring, true).write(request(FrontendRequest.SET_VRING_ERR));
        done(errors[ring].number());
    }

    void enable(int ring, boolean on) {
        new VringState(ring, on ? 1 : 0).write(request(FrontendRequest.SET_VRING_ENABLE));
        done();
    }

    int getBase(int ring) {
        new VringState(ring, 0).write(request(FrontendRequest.GET_VRING_BASE));
        return VringState.read(ask()).num();
    }

    int freshBase() {
        int position = Virtqueue.freshPosition(features);
        return position == 0 ? 0 : position << 16 | position;
    }

    /** A driver begins with a new ring. */
    void makeDriver(int ring) {
        ram.asSlice(RING_STRIDE * ring, RING_STRIDE).fill((byte) 0);
        drivers[ring] = VirtqueueDriver.create(memory, geometry(ring), features);
    }

    void start(int ring, int base) {
        setNum(ring);
        setBase(ring, base);
        setAddress(ring);
        setError(ring);
        setKick(ring);
        setCall(ring);
        enable(ring, true);
    }

    /** All of it, and ring 0 runs. */
    void beginWithRing(long wanted) {
        begin(wanted);
        makeDriver(0);
        start(0, freshBase());
    }

    byte[] config(int offset, int byteSize) {
        ConfigAccess access = new ConfigAccess(offset, byteSize, 0);
        access.write(request(FrontendRequest.GET_CONFIG));
        Message reply = ask();
        return reply.size() == 0 ? null : access.bytes(reply).toArray(ValueLayout.JAVA_BYTE);
    }

    long setConfig(int offset, int flags, byte... bytes) {
        ConfigAccess access = new ConfigAccess(offset, bytes.length, flags);
        access.write(request(FrontendRequest.SET_CONFIG));
        MemorySegment.copy(bytes, 0, access.bytes(message), ValueLayout.JAVA_BYTE, 0, bytes.length);
        return acknowledged();
    }

    /** GET_INFLIGHT_FD: the record's descriptor. */
    Fd getInflight(int rings) {
        new InflightDescription(0, 0, rings, SIZE).write(request(FrontendRequest.GET_INFLIGHT_FD));
        ask();
        assertEquals(InflightDescription.BYTES, message.size());
        Fd fd = message.takeFd();
        assertEquals(InflightDescription.read(message).mmapSize(), FileIo.fstat(fd.number()).byteSize());
        return fd;
    }

    void setInflight(Fd fd, int rings) {
        new InflightDescription(FileIo.fstat(fd.number()).byteSize(), 0, rings, SIZE)
            .write(request(FrontendRequest.SET_INFLIGHT_FD));
        done(fd.number());
    }

    void setLog(Fd fd, long byteSize) {
        new LogDescription(byteSize, 0).write(request(FrontendRequest.SET_LOG_BASE));
        ask(fd.number());
    }

    // ---- requests of the driver's

    private static long header(int slot) {
        return HEADERS + 64L * slot;
    }

    /** Makes a request available, and rings the doorbell if the device wants that: its id. */
    int submit(int ring, int slot, int type, long sector, long gpa, int bytes) {
        long at = header(slot);
        ram.set(ValueLayout.JAVA_INT, at, type);
        ram.set(ValueLayout.JAVA_LONG, at + 8, sector);
        ram.set(ValueLayout.JAVA_BYTE, at + 32, (byte) 0xEE);
        elements.clear().readable(at, 16);
        if (bytes > 0 && type == OUT) {
            elements.readable(gpa, bytes);
        } else if (bytes > 0) {
            elements.writable(gpa, bytes);
        }
        int id = drivers[ring].add(elements.writable(at + 32, 1));
        assertTrue(id >= 0, "ring is full");
        if (drivers[ring].needsNotification()) {
            kicks[ring].signal();
        }
        return id;
    }

    int status(int slot) {
        return ram.get(ValueLayout.JAVA_BYTE, header(slot) + 32);
    }

    /** The next used buffer's id, waited for by notifications. */
    int awaitUsed(int ring) {
        long end = System.nanoTime() + TIMEOUT_MS * 1_000_000L;
        while (true) {
            int id = drivers[ring].pollUsed();
            if (id >= 0) {
                return id;
            }
            if (!drivers[ring].enableNotifications()) {
                assertTrue(System.nanoTime() < end, "no answer from the device");
                Poll.poll(calls[ring].number(), Poll.POLLIN, 1000);
                calls[ring].drain();
            }
        }
    }

    /** A request alone, to its status. */
    int request(int ring, int type, long sector, long gpa, int bytes) {
        int id = submit(ring, 0, type, sector, gpa, bytes);
        assertEquals(id, awaitUsed(ring));
        return status(0);
    }

    int write(int ring, long sector, byte[] bytes) {
        MemorySegment.copy(bytes, 0, ram, ValueLayout.JAVA_BYTE, DATA, bytes.length);
        return request(ring, OUT, sector, DATA, bytes.length);
    }

    byte[] read(int ring, long sector, int bytes) {
        assertEquals(0, request(ring, IN, sector, HIGH + 0x2000, bytes));
        return memory.regions().getLast().segment().asSlice(0x2000, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
        if (connection != null) {
            connection.close();
        }
        message.close();
        for (int i = 0; i < kicks.length; i++) {
            kicks[i].close();
            calls[i].close();
            errors[i].close();
        }
        memory.close();
        file.close();
    }
}
