// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.vhostuser.ConfigAccess;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.InflightDescription;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.vhostuser.VringFd;
import dev.miraflores.devices.vhostuser.VringState;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileStatus;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Memfd;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixListener;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A back end in this process, as simple as can be: a disk in memory, one client at a time. It can be told to misbehave.
 * <p>Thread: its own serves; the rest, the test's.
 */
public final class TestBackend implements AutoCloseable {

    static final long BLOCK_FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC
            | 1L << virtio_abi.VIRTIO_BLK_F_FLUSH | 1L << virtio_abi.VIRTIO_BLK_F_CONFIG_WCE
            | 1L << virtio_abi.VIRTIO_BLK_F_MQ | 1L << virtio_abi.VIRTIO_BLK_F_SEG_MAX;
    private static final int TURN_MS = 1;

    /** What it does in place of the right thing. */
    public interface Behaviour {
        void answer(TestBackend backend, Message request) throws ProtocolException;
    }

    // What a test sets before there is a client.
    public long features = BLOCK_FEATURES;
    public long protocolFeatures = ProtocolFeature.masks(ProtocolFeature.MQ, ProtocolFeature.REPLY_ACK,
            ProtocolFeature.CONFIG, ProtocolFeature.BACKEND_REQ, ProtocolFeature.INFLIGHT_SHMFD,
            ProtocolFeature.RESET_DEVICE);
    /** Of a network, pairs. */
    public long queueNum = 4;
    public final byte[] config = new byte[60];
    public final Map<FrontendRequest, Behaviour> behaviours = new EnumMap<>(FrontendRequest.class);
    /** It is a network: what a pair's second ring has comes back by its first, as long as both are enabled. */
    public boolean echoes;
    /** Takes requests and does not do them. */
    public volatile boolean holds;
    /** Does requests, and gives them back only with {@link #finish}, whatever it says of a ring's place meanwhile. */
    public volatile boolean late;
    private volatile boolean finishing;
    private volatile int turns;

    /** What it was sent, in order. */
    public final List<FrontendRequest> heard = new CopyOnWriteArrayList<>();
    public volatile long acceptedFeatures;
    public volatile long status;
    public volatile int[] bases = new int[VhostUserConfig.MAX_QUEUES];
    public volatile long inflightInode;
    public volatile int clients;
    /** Of SEND_RARP or NET_SET_MTU. */
    public volatile long lastNumber;

    private final MemorySegment disk;
    private final UnixListener listener;
    private final Thread thread;
    private volatile VhostUserConnection client;
    private volatile boolean leaving;
    private volatile boolean closed;
    private VhostUserConnection channel;
    private GuestMemory memory;
    private final List<Fd> files = new ArrayList<>();
    private List<RegionDescription> regions = List.of();
    private final TestRing[] rings = new TestRing[VhostUserConfig.MAX_QUEUES];

    /** @param disk what is on it, which outlives it */
    public TestBackend(String path, MemorySegment disk) {
        this.disk = disk;
        MemorySegment.ofArray(config).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, disk.byteSize() / 512);
        config[12] = 126;
        config[32] = 1;
        config[34] = 7;
        listener = UnixListener.listen(path, 4);
        thread = Thread.ofPlatform().daemon().name("test-backend").unstarted(this::serve);
    }

    public TestBackend start() {
        thread.start();
        return this;
    }

    private void serve() {
        while (!closed) {
            UnixSocket socket = listener.accept();
            if (socket == null) {
                break;
            }
            clients++;
            try (VhostUserConnection connection = new VhostUserConnection(socket); Message message = new Message()) {
                client = connection;
                while (turn(connection, message)) {
                    Thread.onSpinWait();
                }
            } catch (ProtocolException | IllegalStateException e) {
                // The client went away, or the test has closed the connection.
            } finally {
                client = null;
                endSession();
            }
        }
    }

    /** From now on it takes requests and does not do them; returns when none is being done any more. */
    public void hold() {
        holds = true;
        awaitTurn();
    }

    /** From now on it is {@link #late}. */
    public void beLate() {
        late = true;
        awaitTurn();
    }

    /** What it was about before is done. */
    private void awaitTurn() {
        int from = turns;
        while (turns - from < 2 && client != null) {
            Thread.onSpinWait();
        }
    }

    /** Gives back what it was {@link #late} with; returns when that is done. */
    public void finish() {
        finishing = true;
        while (finishing && client != null) {
            Thread.onSpinWait();
        }
    }

    private boolean turn(VhostUserConnection connection, Message message) throws ProtocolException {
        turns++;
        if (leaving) {
            leaving = false;
            return false;
        }
        if (Poll.poll(connection.number(), Poll.POLLIN, TURN_MS) != 0) {
            if (!connection.receive(message, 1000)) {
                return false;
            }
            handle(message);
        }
        if (finishing) {
            for (TestRing ring : rings) {
                if (ring != null) {
                    ring.finish();
                }
            }
            finishing = false;
        }
        if (echoes) {
            serveNetwork();
            return !closed;
        }
        for (TestRing ring : rings) {
            if (ring != null && ring.isRunning()) {
                ring.serve(disk, holds, late);
            }
        }
        return !closed;
    }

    private void serveNetwork() {
        for (int i = 0; i + 1 < rings.length; i += 2) {
            if (isServed(i) && isServed(i + 1)) {
                TestRing.echo(rings[i], rings[i + 1]);
            }
        }
    }

    /** Whether a ring is enabled, and runs. */
    public boolean isServed(int index) {
        TestRing ring = rings[index];
        return ring != null && ring.isRunning() && ring.enabled;
    }

    private void handle(Message message) throws ProtocolException {
        FrontendRequest request = FrontendRequest.of(message.code());
        heard.add(request);
        Behaviour other = behaviours.get(request);
        if (other != null) {
            other.answer(this, message);
        } else {
            obey(request, message);
        }
    }

    /** The right thing. */
    public void obey(FrontendRequest request, Message message) throws ProtocolException {
        boolean wantsReply = message.needsReply();
        switch (request) {
            case GET_FEATURES -> replyU64(message, features | VhostFeatures.PROTOCOL_FEATURES);
            case GET_PROTOCOL_FEATURES -> replyU64(message, protocolFeatures);
            case GET_QUEUE_NUM -> replyU64(message, queueNum);
            case GET_STATUS -> replyU64(message, status);
            case GET_CONFIG -> replyConfig(message);
            case GET_VRING_BASE -> {
                int index = VringState.read(message).index();
                reply(new VringState(index, rings[index].stop()).write(message.reply(message.code())));
            }
            case GET_INFLIGHT_FD -> replyInflight(message);
            default -> {
                apply(request, message);
                if (wantsReply) {
                    replyU64(message, 0);
                }
            }
        }
    }

    private void apply(FrontendRequest request, Message message) {
        switch (request) {
            case SET_FEATURES -> acceptedFeatures = message.u64();
            case SET_STATUS -> status = message.u64();
            case SET_CONFIG -> config[ConfigAccess.read(message).offset()] =
                    message.payload().get(ValueLayout.JAVA_BYTE, ConfigAccess.HEADER_BYTES);
            case SET_BACKEND_REQ_FD -> channel = new VhostUserConnection(UnixSocket.adopt(message.takeFd()));
            case SET_INFLIGHT_FD -> {
                try (Fd file = message.takeFd()) {
                    FileStatus found = FileIo.fstat(file.number());
                    inflightInode = found.inode();
                }
            }
            case SET_MEM_TABLE -> map(message);
            case SET_VRING_NUM -> ring(VringState.read(message).index()).size = VringState.read(message).num();
            case SET_VRING_BASE -> {
                VringState base = VringState.read(message);
                ring(base.index()).position = base.num();
                bases[base.index()] = base.num();
            }
            case SET_VRING_ADDR -> {
                VringAddress address = VringAddress.read(message);
                ring(address.index()).place(gpa(address.descriptor()), gpa(address.available()), gpa(address.used()));
            }
            case SET_VRING_CALL -> {
                TestRing ring = ring(VringFd.read(message).index());
                ring.call = adopt(ring.call, message);
            }
            case SET_VRING_ERR -> {
                TestRing ring = ring(VringFd.read(message).index());
                ring.error = adopt(ring.error, message);
            }
            case SET_VRING_KICK -> {
                TestRing ring = ring(VringFd.read(message).index());
                ring.kick = adopt(ring.kick, message);
            }
            case SET_VRING_ENABLE -> {
                TestRing ring = ring(VringState.read(message).index());
                ring.enabled = VringState.read(message).num() != 0;
                ring.start(memory, acceptedFeatures);
            }
            case SEND_RARP, NET_SET_MTU -> lastNumber = message.u64();
            default -> { }
        }
    }

    private static EventFd adopt(EventFd before, Message message) {
        if (before != null) {
            before.close();
        }
        return EventFd.adopt(message.takeFd());
    }

    private TestRing ring(int index) {
        if (rings[index] == null) {
            rings[index] = new TestRing();
        }
        return rings[index];
    }

    private void map(Message message) {
        try {
            regions = RegionDescription.readTable(message);
        } catch (ProtocolException e) {
            throw new AssertionError(e);
        }
        List<GuestMemoryRegion> mapped = new ArrayList<>();
        for (RegionDescription region : regions) {
            Fd file = message.takeFd();
            files.add(file);
            Mapping mapping = Mapping.file(file.number(), region.mmapOffset(), region.byteSize(),
                    Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED);
            mapped.add(GuestMemoryRegion.shared(region.guestAddress(), mapping, file, region.mmapOffset()));
        }
        unmap();
        memory = GuestMemory.of(mapped);
    }

    private long gpa(long userAddress) {
        for (RegionDescription region : regions) {
            if (userAddress - region.userAddress() >= 0 && userAddress - region.userAddress() < region.byteSize()) {
                return region.guestAddress() + (userAddress - region.userAddress());
            }
        }
        throw new AssertionError("user address 0x" + Long.toHexString(userAddress) + " is in no region");
    }

    private void replyConfig(Message message) throws ProtocolException {
        ConfigAccess access = ConfigAccess.read(message);
        access.write(message.reply(message.code()));
        MemorySegment.copy(config, access.offset(), message.payload(), ValueLayout.JAVA_BYTE, ConfigAccess.HEADER_BYTES,
                access.byteSize());
        reply(message);
    }

    private void replyInflight(Message message) throws ProtocolException {
        InflightDescription wanted = InflightDescription.read(message);
        try (Fd area = Memfd.create("inflight", 0)) {
            FileIo.ftruncate(area.number(), 4096);
            new InflightDescription(4096, 0, wanted.queueCount(), wanted.queueSize()).write(message.reply(message.code()));
            client.send(message, 1000, area.number());
        }
    }

    public void replyU64(Message message, long value) throws ProtocolException {
        reply(message.reply(message.code()).u64(value));
    }

    public void reply(Message message, int... fds) throws ProtocolException {
        client.send(message, 1000, fds);
    }

    /** Asks the front end something, on the back end's own channel. */
    public VhostUserConnection channel() {
        return channel;
    }

    /** Answers a question that nobody asked. */
    public void sendUnasked() {
        try (Message message = new Message()) {
            reply(message.reply(FrontendRequest.GET_FEATURES.code()).u64(0));
        } catch (ProtocolException e) {
            throw new AssertionError(e);
        }
    }

    /** Says that queue {@code index} is broken. */
    public void signalError(int index) {
        rings[index].error.signal();
    }

    public boolean hasClient() {
        return client != null;
    }

    /** How often the front end has said {@code request}. */
    public long count(FrontendRequest request) {
        return heard.stream().filter(each -> each == request).count();
    }

    /** Ends the connection, as a back end that is killed does; the next client is served. */
    public void hangUp() {
        VhostUserConnection connection = client;
        if (connection != null) {
            connection.shutdown();
        }
    }

    /** Ends the connection as {@link #hangUp} does, but with all done that it had begun. */
    public void leave() {
        leaving = true;
    }

    private void unmap() {
        if (memory != null) {
            memory.close();
            memory = null;
        }
    }

    private void endSession() {
        for (int i = 0; i < rings.length; i++) {
            if (rings[i] != null) {
                rings[i].close();
                rings[i] = null;
            }
        }
        unmap();
        files.forEach(Fd::close);
        files.clear();
        if (channel != null) {
            channel.close();
            channel = null;
        }
    }

    /** Ends it altogether. */
    @Override
    public void close() {
        closed = true;
        listener.shutdown();
        hangUp();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        listener.close();
    }
}
