// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.ConfigAccess;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.InflightDescription;
import dev.miraflores.devices.vhostuser.LogDescription;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.vhostuser.VringFd;
import dev.miraflores.devices.vhostuser.VringState;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.memory.DirtyLog;
import dev.miraflores.memory.GuestMemory;
import java.util.function.IntConsumer;

/**
 * What a front end's requests do ("Front-end message types"). A request that cannot be done changes nothing.
 * <p>Thread: the session's; {@link #configChanged}, any.
 * <p>Lifetime: one connection.
 */
final class Commands {

    static final long PROTOCOL_FEATURES = ProtocolFeature.masks(
        ProtocolFeature.MQ, ProtocolFeature.LOG_SHMFD, ProtocolFeature.REPLY_ACK, ProtocolFeature.BACKEND_REQ,
        ProtocolFeature.CONFIG, ProtocolFeature.INFLIGHT_SHMFD, ProtocolFeature.RESET_DEVICE,
        ProtocolFeature.CONFIGURE_MEM_SLOTS, ProtocolFeature.STATUS);

    /** DEVICE_NEEDS_RESET (virtio 1.3 §2.1). */
    private static final long NEEDS_RESET = 0x40;

    private final VirtioBlockDevice device;
    private final Rings rings;
    private final MemoryTable memory = new MemoryTable();
    private long features;
    private long protocolFeatures;
    private long status;
    private ReceivedFile logFile;
    private DirtyLog log;
    private EventFd logEvent;
    private InflightArea inflight;
    private volatile BackendChannel channel;
    private volatile boolean configPending;

    /** @param onJam called on an I/O thread when the front end has made a signal of its ring wait for it */
    Commands(VirtioBlockDevice device, LimitedLog log, IntConsumer onJam) {
        this.device = device;
        this.rings = new Rings(device, log, onJam);
    }

    /** Whether requests that ask for a reply get one. */
    boolean acknowledges() {
        return ProtocolFeature.REPLY_ACK.in(protocolFeatures);
    }

    /** Whether {@link #settle} would start rings. */
    boolean hasToSettle() {
        return rings.haveToStart();
    }

    /** Has the rings run that are to: when the front end has said all that it had to say. */
    void settle() {
        GuestMemory whole = memory.memory();
        boolean logs = whole != null && log != null && (features & VhostFeatures.LOG_ALL) != 0;
        rings.start(new Rings.Ground(
            features & ~VhostFeatures.ALL, memory, logs ? whole.withLog(log) : whole, log, inflight));
        if (configPending && rings.isActive()) {
            configChanged();
        }
    }

    /**
     * Does what is asked.
     *
     * @param reply    is filled with the reply, where the request has one of its own
     * @return whether it has; the descriptor that goes with it is {@code replyFd}'s
     */
    boolean run(FrontendRequest request, Message message, Message reply, ReplyFd replyFd) throws Refusal, ProtocolException {
        switch (request) {
            case GET_FEATURES -> reply.u64(device.features() | VhostFeatures.ALL);
            case GET_PROTOCOL_FEATURES -> reply.u64(PROTOCOL_FEATURES);
            case GET_QUEUE_NUM -> reply.u64(device.queueCount());
            case GET_MAX_MEM_SLOTS -> reply.u64(MemoryTable.MAX_SLOTS);
            case GET_STATUS -> reply.u64(rings.haveFailed() ? status | NEEDS_RESET : status);
            case GET_CONFIG -> getConfig(message, reply);
            case GET_VRING_BASE -> getVringBase(vring(message), reply);
            case GET_INFLIGHT_FD -> getInflight(message, reply, replyFd);
            case SET_LOG_BASE -> {
                setLogBase(message);
                reply.u64(0);
            }
            default -> {
                runSilent(request, message);
                return false;
            }
        }
        return true;
    }

    private void runSilent(FrontendRequest request, Message message) throws Refusal, ProtocolException {
        switch (request) {
            case SET_OWNER -> { }
            case SET_FEATURES -> setFeatures(u64(message));
            case SET_PROTOCOL_FEATURES -> setProtocolFeatures(u64(message));
            case RESET_OWNER -> disableAll();
            case RESET_DEVICE -> resetDevice();
            case SET_STATUS -> setStatus(u64(message));
            case SET_CONFIG -> setConfig(message);
            case SET_MEM_TABLE -> setMemory(message);
            case ADD_MEM_REG -> addMemory(message);
            case REM_MEM_REG -> removeMemory(message);
            case SET_LOG_FD -> setLogEvent(message);
            case SET_INFLIGHT_FD -> setInflight(message);
            case SET_BACKEND_REQ_FD -> setChannel(message);
            case SET_VRING_NUM -> setNum(vring(message), VringState.read(message).num());
            case SET_VRING_BASE -> setBase(vring(message), VringState.read(message).num());
            case SET_VRING_ENABLE -> setEnabled(vring(message), VringState.read(message).num());
            case SET_VRING_ADDR -> setAddress(message);
            case SET_VRING_KICK -> setKick(message);
            case SET_VRING_CALL -> rings.setCall(vringOfFd(message), event(message));
            case SET_VRING_ERR -> rings.setError(vringOfFd(message), event(message));
            default -> throw new Refusal(request + " was not negotiated");
        }
    }

    // ---- payloads

    private static void need(Message message, int bytes) throws Refusal {
        if (message.size() < bytes) {
            throw new Refusal(FrontendRequest.of(message.code()) + " of " + message.size() + " bytes, where " + bytes
                + " are needed");
        }
    }

    private static long u64(Message message) throws Refusal {
        need(message, Long.BYTES);
        return message.u64();
    }

    private Vring vring(Message message) throws Refusal {
        need(message, VringState.BYTES);
        return rings.get(VringState.read(message).index());
    }

    private Vring vringOfFd(Message message) throws Refusal {
        need(message, Long.BYTES);
        return rings.get(VringFd.read(message).index());
    }

    /** The eventfd that goes with SET_VRING_…, or null for none. */
    private static EventFd event(Message message) throws Refusal {
        boolean hasFd = VringFd.read(message).hasFd();
        if (message.fdCount() != (hasFd ? 1 : 0)) {
            throw new Refusal(FrontendRequest.of(message.code()) + " with " + message.fdCount() + " descriptors");
        }
        return hasFd ? receive(message) : null;
    }

    private static EventFd receive(Message message) throws Refusal {
        EventFd event = EventFd.receive(message.takeFd());
        if (event == null) {
            throw new Refusal(FrontendRequest.of(message.code()) + " with a descriptor that is no eventfd");
        }
        return event;
    }

    private static Fd onlyFd(Message message) throws Refusal {
        if (message.fdCount() != 1) {
            throw new Refusal(FrontendRequest.of(message.code()) + " with " + message.fdCount() + " descriptors");
        }
        return message.takeFd();
    }

    private static void check(boolean holds, String otherwise) throws Refusal {
        if (!holds) {
            throw new Refusal(otherwise);
        }
    }

    // ---- features and status

    private void setFeatures(long wanted) throws Refusal, ProtocolException {
        long unknown = wanted & ~(device.features() | VhostFeatures.ALL);
        check(unknown == 0, "features 0x" + Long.toHexString(unknown) + " were not offered");
        long different = wanted ^ features;
        check((different & ~VhostFeatures.ALL) == 0 || !rings.areStarted(), "other features while rings are started");
        if (different != 0) {
            rings.stop();
            features = wanted;
        }
        if ((wanted & VhostFeatures.PROTOCOL_FEATURES) == 0) {
            for (Vring vring : rings.all()) {
                enable(vring, true);
            }
        }
    }

    private void setProtocolFeatures(long wanted) throws Refusal {
        long unknown = wanted & ~PROTOCOL_FEATURES;
        check(unknown == 0, "protocol features 0x" + Long.toHexString(unknown) + " were not offered");
        protocolFeatures = wanted;
    }

    /** "It is recommended that back-ends either ignore this message, or use it to disable all rings." */
    private void disableAll() throws ProtocolException {
        for (Vring vring : rings.all()) {
            enable(vring, false);
        }
    }

    private void resetDevice() throws ProtocolException {
        rings.stop();
        for (Vring vring : rings.all()) {
            vring.closeKick();
            vring.reset();
        }
        device.reset();
        rings.forgetFailure();
        features = 0;
        status = 0;
    }

    /**
     * 0 ends the rings. The configuration stays: front ends say this too where it is the machine that stops, and its driver does
     * not write again what it has written.
     */
    private void setStatus(long wanted) throws Refusal, ProtocolException {
        check((wanted & ~0xFF) == 0, "status 0x" + Long.toHexString(wanted));
        if (wanted == 0 && status != 0) {
            rings.stop();
            for (Vring vring : rings.all()) {
                vring.started = false;
                vring.closeKick();
            }
            rings.forgetFailure();
        }
        status = wanted;
    }

    // ---- configuration

    private void getConfig(Message message, Message reply) {
        boolean possible = message.size() >= ConfigAccess.HEADER_BYTES && ConfigAccess.read(message).isConsistent(message);
        if (possible) {
            Config.read(device, ConfigAccess.read(message), reply);
        } // else no payload at all, which says that it cannot be read
    }

    private void setConfig(Message message) throws Refusal {
        need(message, ConfigAccess.HEADER_BYTES);
        ConfigAccess access = ConfigAccess.read(message);
        check(access.isConsistent(message), "SET_CONFIG of " + message.size() + " bytes for "
            + Integer.toUnsignedString(access.byteSize()));
        Config.write(device, access, message);
    }

    private void setChannel(Message message) throws Refusal {
        BackendChannel next = BackendChannel.adopt(onlyFd(message));
        BackendChannel before = channel;
        channel = next;
        if (before != null) {
            before.close();
        }
    }

    /** The configuration is another: says so, at once or, where no ring runs, when one does ("Suspended device state"). */
    void configChanged() {
        configPending = true;
        BackendChannel to = channel;
        if (to != null && rings.isActive()) {
            configPending = false;
            to.configChanged();
        }
    }

    // ---- memory

    private void setMemory(Message message) throws Refusal, ProtocolException {
        var regions = RegionDescription.readTable(message);
        rings.stop();
        memory.replace(regions, message);
    }

    private void addMemory(Message message) throws Refusal, ProtocolException {
        need(message, RegionDescription.SINGLE_BYTES);
        check(message.fdCount() == 1, "ADD_MEM_REG with " + message.fdCount() + " descriptors");
        rings.stop();
        memory.add(RegionDescription.readSingle(message), message);
    }

    private void removeMemory(Message message) throws Refusal, ProtocolException {
        need(message, RegionDescription.SINGLE_BYTES);
        check(message.fdCount() <= 1, "REM_MEM_REG with " + message.fdCount() + " descriptors");
        rings.stop();
        memory.remove(RegionDescription.readSingle(message));
    }

    // ---- migration

    private void setLogBase(Message message) throws Refusal, ProtocolException {
        need(message, LogDescription.BYTES);
        LogDescription at = LogDescription.read(message);
        check(at.byteSize() % Long.BYTES == 0, "a dirty log of " + at.byteSize() + " bytes: multiples of 8 are possible");
        ReceivedFile file;
        try (Fd fd = onlyFd(message)) {
            file = ReceivedFile.map(fd, at.mmapOffset(), at.byteSize(), "dirty log");
        }
        try {
            rings.stop();
        } catch (ProtocolException e) {
            file.mapping().close();
            throw e;
        }
        closeLog();
        logFile = file;
        log = new DirtyLog(file.segment());
    }

    private void closeLog() {
        log = null;
        if (logFile != null) {
            logFile.mapping().close();
            logFile = null;
        }
    }

    /** It may be signalled ("Migration"); whoever reads the log reads it anyway, so that it is not. */
    private void setLogEvent(Message message) throws Refusal {
        check(message.fdCount() == 1, "SET_LOG_FD with " + message.fdCount() + " descriptors");
        EventFd next = receive(message);
        if (logEvent != null) {
            logEvent.close();
        }
        logEvent = next;
    }

    // ---- in-flight record

    private void getInflight(Message message, Message reply, ReplyFd replyFd) throws Refusal {
        need(message, InflightDescription.MIN_BYTES);
        InflightDescription wanted = InflightDescription.read(message);
        InflightArea.check(wanted, device.queueCount());
        replyFd.set(InflightArea.create(wanted));
        new InflightDescription(InflightArea.byteSize(wanted), 0, wanted.queueCount(), wanted.queueSize()).write(reply);
        reply.size(Math.min(message.size(), InflightDescription.BYTES));
    }

    private void setInflight(Message message) throws Refusal, ProtocolException {
        need(message, InflightDescription.MIN_BYTES);
        check(!rings.areStarted(), "another in-flight record while rings are started");
        InflightArea area;
        try (Fd fd = onlyFd(message)) {
            area = InflightArea.map(InflightDescription.read(message), fd, device.queueCount());
        }
        for (Vring vring : rings.all()) {
            vring.stood = null;
        }
        if (inflight != null) {
            inflight.close();
        }
        inflight = area;
    }

    // ---- rings

    private void setNum(Vring vring, int num) throws Refusal {
        check(!vring.started, "another size of ring " + vring.index + ", which is started");
        check(num > 0 && num <= device.maxQueueSize(vring.index), "ring " + vring.index + " of " + Integer.toUnsignedString(num)
            + " entries, " + device.maxQueueSize(vring.index) + " at most");
        vring.size = num;
    }

    private void setBase(Vring vring, int base) throws Refusal {
        check(!vring.started, "another place in ring " + vring.index + ", which is started");
        vring.base = base;
    }

    /** Also of a ring that runs: that is how logging is switched on and off. */
    private void setAddress(Message message) throws Refusal, ProtocolException {
        need(message, VringAddress.BYTES);
        VringAddress address = VringAddress.read(message);
        Vring vring = rings.get(address.index());
        rings.stop();
        vring.address = address;
    }

    /** It runs from now on, and not from its first kick: a front end that reconnects has kicked before. */
    private void setKick(Message message) throws Refusal, ProtocolException {
        Vring vring = vringOfFd(message);
        EventFd next = event(message);
        try {
            rings.stop();
        } catch (ProtocolException e) {
            if (next != null) {
                next.close();
            }
            throw e;
        }
        vring.closeKick();
        vring.kick = next;
        vring.started = true;
        vring.broken = false;
    }

    private void setEnabled(Vring vring, int on) throws Refusal, ProtocolException {
        check(on == 0 || on == 1, "SET_VRING_ENABLE with " + on);
        enable(vring, on == 1);
    }

    private void enable(Vring vring, boolean on) throws ProtocolException {
        if (vring.enabled != on) {
            if (vring.started) {
                rings.stop();
            }
            vring.enabled = on;
        }
    }

    private void getVringBase(Vring vring, Message reply) throws ProtocolException {
        rings.stop();
        if (vring.stood != null) {
            vring.stood.endInflight();
            vring.stood = null;
        }
        vring.started = false;
        vring.broken = false;
        vring.closeKick();
        new VringState(vring.index, vring.base).write(reply);
    }

    // ---- the end

    /**
     * Ends the rings, and lets go of all that the front end gave.
     *
     * @return null, or where the device hangs what is to be done once it does not any more
     */
    Runnable close() {
        BackendChannel last = channel;
        channel = null;
        if (last != null) {
            last.close();
        }
        if (logEvent != null) {
            logEvent.close();
        }
        if (!rings.close()) {
            return () -> {
                rings.closeDescriptors();
                unmap();
            };
        }
        unmap();
        return null;
    }

    private void unmap() {
        memory.close();
        closeLog();
        if (inflight != null) {
            inflight.close();
        }
    }
}
