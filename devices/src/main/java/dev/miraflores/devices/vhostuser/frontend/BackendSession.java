// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import static dev.miraflores.devices.vhostuser.frontend.SessionException.Kind.BROKEN;
import static dev.miraflores.devices.vhostuser.frontend.SessionException.Kind.LOST;

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
import dev.miraflores.linux.Epoll;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.ValueLayout;

/**
 * One connection to a back end: each method asks something and checks the answer, in the time that the back end has for it.
 * While it waits, what comes on the back end's own channel is answered, since a back end may wait for that first.
 * <p>Thread: one; {@link #shutdown}, any.
 * <p>Lifetime: after a {@link SessionException} only {@link #close}.
 */
final class BackendSession implements AutoCloseable {

    /** VHOST_SET_CONFIG_TYPE_FRONTEND: the driver writes. */
    private static final int DRIVER_WRITES = 0;
    private static final long NS_PER_MS = 1_000_000L;
    private static final long MAIN = 1;
    private static final long CHANNEL = 2;

    private final VhostUserConnection connection;
    private final BackendRole role;
    private final BackendChannel channel = new BackendChannel();
    private final Epoll epoll = Epoll.create(2);
    private final Message message = new Message();
    private final long replyNs;
    private long endNs;
    private boolean replyAck;
    private BackendOffer offer;

    /** @param replyNs how long the back end has for all that is asked of it between one {@link #begin} and the next */
    BackendSession(UnixSocket socket, BackendRole role, long replyNs) {
        this.role = role;
        connection = new VhostUserConnection(socket);
        this.replyNs = replyNs;
        epoll.add(connection.number(), Epoll.EPOLLIN, MAIN);
        epoll.add(channel.number(), Epoll.EPOLLIN, CHANNEL);
    }

    /** The back end's time begins anew. */
    void begin() {
        endNs = System.nanoTime() + replyNs;
    }

    /** Asks what the back end can do; first of all. */
    BackendOffer negotiate() throws SessionException {
        begin();
        offer = askForOffer();
        return offer;
    }

    BackendChannel channel() {
        return channel;
    }

    /** The socket's number, for poll and the like. */
    int number() {
        return connection.number();
    }

    private BackendOffer askForOffer() throws SessionException {
        long features = queryU64(FrontendRequest.GET_FEATURES);
        if ((features & VhostFeatures.PROTOCOL_FEATURES) == 0) {
            throw new SessionException(BROKEN, "it has no protocol features, without which it is not known what it does");
        }
        if ((features & RingFeatures.VERSION_1) == 0) {
            throw new SessionException(BROKEN, "it only knows legacy devices (no VIRTIO_F_VERSION_1)");
        }
        long protocol = queryU64(FrontendRequest.GET_PROTOCOL_FEATURES) & role.protocol();
        int configBytes = role.configByteSize(features & role.passedOn());
        if (configBytes != 0 && !ProtocolFeature.CONFIG.in(protocol)) {
            throw new SessionException(BROKEN, "it does not let its configuration be read (no VHOST_USER_PROTOCOL_F_CONFIG)");
        }
        send(message.request(FrontendRequest.SET_PROTOCOL_FEATURES).u64(protocol));
        replyAck = ProtocolFeature.REPLY_ACK.in(protocol);
        command(message.request(FrontendRequest.SET_OWNER));
        boolean multi = ProtocolFeature.MQ.in(protocol) && (features & role.multiQueue()) != 0;
        int queues = multi ? queueNum() : 1;
        if (ProtocolFeature.BACKEND_REQ.in(protocol)) {
            command(message.request(FrontendRequest.SET_BACKEND_REQ_FD), channel.theirNumber());
        }
        channel.handedOver();
        byte[] config = configBytes == 0 ? new byte[0] : readConfig(configBytes);
        return new BackendOffer(features & role.passedOn(), protocol, queues, config);
    }

    /**
     * How many queues or, of a NIC, queue pairs the back end serves. The text ("VHOST_USER_GET_QUEUE_NUM") does not say which; back
     * ends of NICs answer with pairs, and QEMU takes it so.
     */
    private int queueNum() throws SessionException {
        long queues = queryU64(FrontendRequest.GET_QUEUE_NUM);
        if (queues == 0) {
            throw new SessionException(BROKEN, "it serves no queue");
        }
        int most = VhostUserConfig.MAX_QUEUES / role.ringsEach();
        return Long.compareUnsigned(queues, most) < 0 ? (int) queues : most;
    }

    /** The first {@code byteSize} bytes of the configuration space. */
    byte[] readConfig(int byteSize) throws SessionException {
        ConfigAccess access = new ConfigAccess(0, byteSize, 0);
        access.write(message.request(FrontendRequest.GET_CONFIG));
        message.payload().asSlice(ConfigAccess.HEADER_BYTES, byteSize).fill((byte) 0);
        send(message);
        receive(FrontendRequest.GET_CONFIG, 0);
        if (message.size() < ConfigAccess.HEADER_BYTES) {
            throw new SessionException(BROKEN, "it gives no configuration of " + byteSize + " bytes");
        }
        ConfigAccess answer = ConfigAccess.read(message);
        if (answer.offset() != 0 || answer.byteSize() != byteSize || !answer.isConsistent(message)) {
            throw new SessionException(BROKEN, "asked for " + byteSize + " bytes of configuration, it gave "
                + Integer.toUnsignedString(answer.byteSize()) + " from " + Integer.toUnsignedString(answer.offset()) + " on");
        }
        return answer.bytes(message).toArray(ValueLayout.JAVA_BYTE);
    }

    /** Writes one byte of the configuration space, as the driver did. */
    void writeConfig(int offset, int value) throws SessionException {
        new ConfigAccess(offset, 1, DRIVER_WRITES).write(message.request(FrontendRequest.SET_CONFIG));
        message.payload().set(ValueLayout.JAVA_BYTE, ConfigAccess.HEADER_BYTES, (byte) value);
        command(message);
    }

    /** The features that the driver accepted, in the steps of virtio 1.3 §3.1.1 where the back end follows the status. */
    void setFeatures(long accepted, int statusBefore, int statusAfter) throws SessionException {
        setStatus(statusBefore);
        command(message.request(FrontendRequest.SET_FEATURES).u64(accepted | VhostFeatures.PROTOCOL_FEATURES));
        setStatus(statusAfter);
        if (offer.has(ProtocolFeature.STATUS) && (queryU64(FrontendRequest.GET_STATUS) & statusAfter) != statusAfter) {
            throw new SessionException(BROKEN, "it does not take the features that it offered and the driver accepted (0x"
                + Long.toHexString(accepted) + ")");
        }
    }

    /** Says what the device's status is, to a back end that wants to know. */
    void setStatus(int status) throws SessionException {
        if (offer.has(ProtocolFeature.STATUS)) {
            command(message.request(FrontendRequest.SET_STATUS).u64(status));
        }
    }

    /** Back to where the session began, as far as the back end can do that. */
    void resetDevice() throws SessionException {
        if (offer.has(ProtocolFeature.STATUS)) {
            setStatus(0);
        } else if (offer.has(ProtocolFeature.RESET_DEVICE)) {
            command(message.request(FrontendRequest.RESET_DEVICE));
        }
    }

    void setMemory(SharedMemory memory) throws SessionException {
        RegionDescription.writeTable(message.request(FrontendRequest.SET_MEM_TABLE), memory.regions());
        command(message, memory.fds());
    }

    /** Has the back end make an area for what it will have in flight; null where it makes none. */
    InflightArea newInflightArea(int queues, int queueSize) throws SessionException {
        new InflightDescription(0, 0, queues, queueSize).write(message.request(FrontendRequest.GET_INFLIGHT_FD));
        send(message);
        receive(FrontendRequest.GET_INFLIGHT_FD, 1);
        if (message.size() < InflightDescription.MIN_BYTES) {
            throw wrongSize(FrontendRequest.GET_INFLIGHT_FD);
        }
        InflightDescription made = InflightDescription.read(message);
        Fd file = message.takeFd();
        if (file == null || made.mmapSize() == 0) {
            if (file != null) {
                file.close();
            }
            return null;
        }
        return new InflightArea(new InflightDescription(made.mmapSize(), made.mmapOffset(), queues, queueSize), file);
    }

    /** Gives it an area that it has made, or one before it. */
    void setInflightArea(InflightArea area) throws SessionException {
        area.description().write(message.request(FrontendRequest.SET_INFLIGHT_FD));
        command(message, area.file().number());
    }

    /** Sends a ring's number, size, position or the like. */
    void setVring(FrontendRequest what, int index, int value) throws SessionException {
        command(new VringState(index, value).write(message.request(what)));
    }

    /** Sends a ring's event. */
    void setVringEvent(FrontendRequest what, int index, int fd) throws SessionException {
        command(new VringFd(index, true).write(message.request(what)), fd);
    }

    /** Where a vring's parts are. */
    void setVringAddress(VringAddress address) throws SessionException {
        command(address.write(message.request(FrontendRequest.SET_VRING_ADDR)));
    }

    /** Says something that is one number. */
    void tell(FrontendRequest what, long value) throws SessionException {
        command(message.request(what).u64(value));
    }

    /** Asks a ring to stop; {@link #stoppedAt} takes the answer, which comes once what is in flight has finished. */
    void stopVring(int index) throws SessionException {
        send(new VringState(index, 0).write(message.request(FrontendRequest.GET_VRING_BASE)));
    }

    /** The position of the ring that was asked to stop, once the socket is readable. */
    int stoppedAt(int index) throws SessionException {
        receive(FrontendRequest.GET_VRING_BASE, 0);
        if (message.size() != VringState.BYTES) {
            throw wrongSize(FrontendRequest.GET_VRING_BASE);
        }
        VringState state = VringState.read(message);
        if (state.index() != index) {
            throw new SessionException(BROKEN, "asked to stop ring " + index + ", it speaks of ring "
                + Integer.toUnsignedString(state.index()));
        }
        return state.num();
    }

    /** Returns once all that was said before has been heard, which REPLY_ACK would have said by itself. */
    void settle() throws SessionException {
        if (!replyAck) {
            queryU64(FrontendRequest.GET_FEATURES);
        }
    }

    /** What came without being asked for: nothing may, but the end. */
    SessionException unasked() {
        try {
            if (!connection.receive(message, 0)) {
                return gone();
            }
            return new SessionException(BROKEN, "it sent message " + Integer.toUnsignedString(message.code())
                + ", for which nobody had asked");
        } catch (ProtocolException e) {
            return failed(e, false);
        }
    }

    private long queryU64(FrontendRequest request) throws SessionException {
        send(message.request(request));
        receive(request, 0);
        if (message.size() != Long.BYTES) {
            throw wrongSize(request);
        }
        return message.u64();
    }

    /** A request that has no answer, but for the one that REPLY_ACK gives every request ("REPLY_ACK"). */
    private void command(Message request, int... fds) throws SessionException {
        FrontendRequest what = FrontendRequest.of(request.code());
        if (!replyAck) {
            send(request, fds);
            return;
        }
        send(request.needReply(), fds);
        receive(what, 0);
        if (message.size() != Long.BYTES) {
            throw wrongSize(what);
        }
        if (message.u64() != 0) {
            throw new SessionException(BROKEN, "it refused " + what + " (" + Long.toUnsignedString(message.u64()) + ")");
        }
    }

    private void send(Message request, int... fds) throws SessionException {
        try {
            connection.send(request, leftMs(), fds);
        } catch (ProtocolException e) {
            throw new SessionException(LOST, e.getMessage());
        }
    }

    private void receive(FrontendRequest request, int mostFds) throws SessionException {
        awaitReply(request);
        try {
            if (!connection.receive(message, leftMs())) {
                throw gone();
            }
        } catch (ProtocolException e) {
            throw failed(e, leftMs() <= 1);
        }
        if (message.code() != request.code() || !message.isReply()) {
            throw new SessionException(BROKEN, "the answer to " + request + " is message "
                + Integer.toUnsignedString(message.code()) + " with flags 0x" + Integer.toHexString(message.flags()));
        }
        if (message.fdCount() > mostFds) {
            throw new SessionException(BROKEN, "the answer to " + request + " comes with " + message.fdCount()
                + " descriptors, " + mostFds + " at most");
        }
    }

    private int leftMs() {
        return (int) Math.max(1, (endNs - System.nanoTime()) / NS_PER_MS);
    }

    /** Waits for the answer to begin. */
    private void awaitReply(FrontendRequest request) throws SessionException {
        for (;;) {
            long leftNs = endNs - System.nanoTime();
            if (leftNs <= 0) {
                throw new SessionException(LOST, "it has not answered " + request + " for " + replyNs / NS_PER_MS + " ms");
            }
            int count = epoll.awaitNs(leftNs);
            if (count < 0 && count != -Errno.EINTR) {
                throw new SessionException(LOST, "epoll_wait: " + Errno.name(-count));
            }
            for (int i = 0; i < count; i++) {
                if (epoll.token(i) == MAIN) {
                    return;
                }
                serveChannel();
            }
        }
    }

    /** Answers what the back end asks. */
    void serveChannel() {
        if (channel.isOpen()) {
            channel.serve();
        }
    }

    /** A back end that dies in the middle of a message, or is slow, has not broken the protocol. */
    private SessionException failed(ProtocolException e, boolean late) {
        boolean hungUp = (Poll.poll(connection.number(), 0, 0) & (Poll.POLLHUP | Poll.POLLERR)) != 0;
        return new SessionException(hungUp || late ? LOST : BROKEN, e.getMessage());
    }

    private static SessionException gone() {
        return new SessionException(LOST, "it has closed the connection");
    }

    private SessionException wrongSize(FrontendRequest request) {
        return new SessionException(BROKEN, "the answer to " + request + " has " + message.size() + " bytes");
    }

    /** Calls out who waits for the back end. */
    void shutdown() {
        connection.shutdown();
    }

    @Override
    public void close() {
        message.close();
        epoll.close();
        channel.close();
        connection.close();
    }
}
