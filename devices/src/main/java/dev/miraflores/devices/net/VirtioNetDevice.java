// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.Watch;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A NIC: configuration and control queue, and a {@link NetDataPath} that moves its packets.
 * <p>All that changes is done on its control thread, one after the other, be it the driver's wish, the operator's or the back
 * end's; so there are no locks, and a vCPU that resets it waits for that thread.
 * <p>Thread: as {@link VirtioDevice}; what is added here, any but the device's own threads.
 * <p>Lifetime: until {@link #close}, which ends its threads and closes its data path.
 * <p>Source: virtio 1.3 §5.1.
 */
public final class VirtioNetDevice implements VirtioDevice {

    private static final long RING_ALWAYS = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX;
    private static final int CONTROL_QUEUE_SIZE = 64;

    private final NetDeviceConfig config;
    private final NetDataPath path;
    private final List<IoThread> threads;
    private final IoThread control;
    private final int maxPairs;
    private final long features;
    private final NetConfigSpace space;
    private final LimitedLog log;
    private final NetFlight flight;

    private volatile NetEvents events = NetEvents.NONE;
    private volatile NetState state;
    private volatile long activeFeatures;
    private volatile boolean active;
    private volatile ControlCommands commands;
    private volatile boolean linkUpByUser = true;
    private volatile long commandsBefore;
    private volatile long refusedBefore;

    // The control thread's.
    private boolean peerUp = true;
    private boolean paused;
    private DeviceEvents driver;
    private ControlQueue controlQueue;
    private Watch controlWatch;
    // Under this object's monitor.
    private boolean closed;

    private VirtioNetDevice(NetDeviceConfig config, NetDataPath path, List<IoThread> threads) {
        this.config = config;
        this.path = path;
        this.threads = List.copyOf(threads);
        this.control = threads.get(0);
        this.maxPairs = Math.min(config.queuePairs(), path.maxQueuePairs());
        int mtu = config.mtu() != 0 ? config.mtu() : path.mtu();
        this.features = features(mtu);
        this.space = new NetConfigSpace(features, maxPairs, mtu);
        this.log = new LimitedLog(VirtioNetDevice.class, "nic " + config.id() + ": ");
        this.flight = new NetFlight(config.id(), path::report);
        space.setMac(config.mac());
        state = initialState(0);
    }

    /**
     * A NIC with threads of its own, which move packets between its queues and {@code backend}.
     *
     * @param backend closed with the device, or at once where this throws
     */
    public static VirtioNetDevice open(NetDeviceConfig config, NetBackend backend) {
        List<IoThread> threads = new ArrayList<>();
        try {
            for (int i = 0; i < config.ioThreads(); i++) {
                String name = config.ioThreads() == 1 ? config.id() : config.id() + "." + i;
                threads.add(IoThread.start("io-" + name, config.thread()));
            }
            return start(config, new PortDataPath(config, backend, threads), threads);
        } catch (RuntimeException | Error e) {
            threads.forEach(IoThread::close);
            backend.close();
            throw e;
        }
    }

    /**
     * A NIC whose packets somebody else moves; a thread of its own has the control queue.
     *
     * @param path closed with the device, or at once where this throws
     */
    public static VirtioNetDevice open(NetDeviceConfig config, NetDataPath path) {
        IoThread control = null;
        try {
            control = IoThread.start("io-" + config.id(), config.thread());
            return start(config, path, List.of(control));
        } catch (RuntimeException | Error e) {
            if (control != null) {
                control.close();
            }
            path.close();
            throw e;
        }
    }

    private static VirtioNetDevice start(NetDeviceConfig config, NetDataPath path, List<IoThread> threads) {
        VirtioNetDevice device = new VirtioNetDevice(config, path, threads);
        path.start(new NetPathEvents() {
            @Override
            public void linkChanged(boolean up) {
                device.send(() -> device.setLink(device.linkUpByUser, up));
            }

            @Override
            public void announce() {
                device.announce();
            }
        });
        device.control.whenRecorded(device.flight::begin);
        return device;
    }

    private long features(int mtu) {
        long ring = RING_ALWAYS | (config.packed() ? RingFeatures.RING_PACKED : 0) | (config.inOrder() ? RingFeatures.IN_ORDER : 0);
        long wished = ring | NetFeatures.OFFLOADS | (config.mergeable() ? NetFeatures.MRG_RXBUF : 0)
            | (config.rss() ? NetFeatures.RSS : 0) | (config.hashReport() ? NetFeatures.HASH_REPORT : 0);
        long own = NetFeatures.CONTROL;
        own &= mtu == 0 ? ~NetFeatures.MTU : -1L;
        own &= maxPairs == 1 ? ~NetFeatures.MQ : -1L;
        own &= path.changesOffloads() && (path.features() & NetFeatures.GUEST_CSUM) != 0 ? -1L : ~NetFeatures.CTRL_GUEST_OFFLOADS;
        return NetFeatures.consistent(own | path.features() & wished);
    }

    private NetState initialState(long negotiated) {
        ReceiveFilter filter = ReceiveFilter.initial(config.mac(), (negotiated & NetFeatures.CTRL_VLAN) != 0);
        return new NetState(
            1, NetFeatures.effectiveGuestOffloads(negotiated), linkUpByUser && peerUp, filter, HashConfig.NONE);
    }

    public String id() {
        return config.id();
    }

    /** What moves its packets. */
    public NetDataPath path() {
        return path;
    }

    /** Its threads, that with the control queue first. */
    public List<IoThread> threads() {
        return threads;
    }

    /** Who is told of what happens to it, from now on. */
    public void setEvents(NetEvents listener) {
        events = listener;
    }

    /** The NIC as it is now. Any thread. */
    public NetReport report() {
        ControlCommands current = commands;
        NetState now = state;
        return new NetReport(config.id(), path.description(), now.linkUp(), linkUpByUser, active, activeFeatures, maxPairs, now,
            path.report(), commandsBefore + (current == null ? 0 : current.done()),
            refusedBefore + (current == null ? 0 : current.refused()));
    }

    // ---- what the operator does

    /**
     * Pulls the cable out, or puts it in: as {@code set_link}. The guest is told, and no packet gets through meanwhile, from when
     * this returns on.
     */
    public void setLinkUp(boolean up) {
        change(() -> setLink(up, peerUp));
    }

    /** Asks the guest to say where it is, if it can (virtio 1.3 §5.1.6.5.4). */
    public void announce() {
        send(() -> {
            if (active && (activeFeatures & NetFeatures.GUEST_ANNOUNCE) != 0 && state.linkUp()) {
                driver.changeConfig(() -> space.setAnnounce(true));
            }
        });
    }

    /** Moves no packets until {@link #resume}. */
    public void pause() {
        change(() -> {
            setPaused(true);
            path.pause();
        });
    }

    /** Goes on after {@link #pause}. */
    public void resume() {
        change(() -> {
            setPaused(false);
            path.resume();
        });
    }

    private void setPaused(boolean on) {
        paused = on;
        if (controlQueue != null) {
            controlQueue.setStopped(on);
        }
    }

    /** Has something done by the control thread; or, where that has died, here, since nobody else changes anything then. */
    private void change(Runnable action) {
        AtomicBoolean begun = new AtomicBoolean();
        try {
            control.call(() -> {
                begun.set(true);
                action.run();
            });
        } catch (RejectedExecutionException e) {
            if (begun.get()) {
                throw e;
            }
            synchronized (this) {
                if (!closed) {
                    action.run();
                }
            }
        }
    }

    private void send(Runnable change) {
        try {
            control.execute(change);
        } catch (RejectedExecutionException e) {
            // The device is closed, and has no more changes.
        }
    }

    // ---- on the control thread

    private void setLink(boolean byUser, boolean peer) {
        linkUpByUser = byUser;
        peerUp = peer;
        boolean up = byUser && peer;
        if (up == state.linkUp()) {
            return;
        }
        NetState changed = state.withLinkUp(up);
        if (active) {
            path.change(changed);
            driver.changeConfig(() -> space.setLinkUp(up));
        } else {
            space.setLinkUp(up);
        }
        state = changed;
        events.linkChanged(this, up);
    }

    private final class Commanded implements ControlCommands.Target {
        @Override
        public NetState state() {
            return state;
        }

        @Override
        public boolean change(NetState to) {
            NetState from = state;
            if (path.change(to) < 0) {
                return false;
            }
            state = to;
            if (to.filter() != from.filter()) {
                space.setMac(to.filter().mac());
                events.filterChanged(VirtioNetDevice.this);
            }
            return true;
        }

        @Override
        public void announced() {
            space.setAnnounce(false);
        }
    }

    private void begin(VirtioActivation activation) {
        long negotiated = activation.features();
        boolean manyPairs = (negotiated & (NetFeatures.MQ | NetFeatures.RSS)) != 0;
        int pairs = manyPairs ? maxPairs : 1;
        driver = activation.events();
        state = initialState(negotiated);
        activeFeatures = negotiated;
        active = true;
        try {
            path.activate(activation, pairs, state);
        } catch (RuntimeException | Error e) {
            log.log(System.Logger.Level.ERROR, "cannot start: " + e.getMessage() + "; it needs a reset", e);
            driver.needsReset();
            return;
        }
        DeviceQueue queue = activation.queues().get(2 * pairs);
        if ((negotiated & NetFeatures.CTRL_VQ) != 0 && queue != null) {
            commands = new ControlCommands(negotiated, pairs, new Commanded());
            controlQueue = new ControlQueue(queue, driver, commands);
            controlQueue.setStopped(paused);
            controlWatch = control.watch(queue.kick(), controlQueue);
        }
    }

    private void end() {
        if (controlWatch != null && control.isCurrent()) {
            controlWatch.close();
        }
        controlWatch = null;
        controlQueue = null;
        if (active) {
            path.reset();
            active = false;
        }
        if (commands != null) {
            commandsBefore += commands.done();
            refusedBefore += commands.refused();
            commands = null;
        }
        driver = null;
        activeFeatures = 0;
        state = initialState(0);
        space.setMac(config.mac());
        space.setAnnounce(false);
    }

    // ---- as a virtio device

    @Override
    public int deviceId() {
        return virtio_abi.VIRTIO_ID_NET;
    }

    @Override
    public long features() {
        return features;
    }

    /** Two for each pair, and the control queue, which is behind the pairs that the driver can use (§5.1.2). */
    @Override
    public int queueCount() {
        return 2 * maxPairs + 1;
    }

    @Override
    public int maxQueueSize(int index) {
        return index < 2 * maxPairs ? config.queueSize() : CONTROL_QUEUE_SIZE;
    }

    @Override
    public int configByteSize() {
        return NetConfigSpace.BYTES;
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        return space.read(offset, byteSize);
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        // The driver only reads (§5.1.4.2).
    }

    @Override
    public void activate(VirtioActivation activation) {
        try {
            control.call(() -> begin(activation));
        } catch (RejectedExecutionException e) {
            log.log(System.Logger.Level.ERROR, "cannot start: " + e.getMessage());
            activation.events().needsReset();
        }
    }

    @Override
    public void reset() {
        if (active) {
            change(this::end);
        }
    }

    @Override
    public boolean isHung() {
        return path.isHung();
    }

    @Override
    public synchronized void close() {
        flight.end();
        change(() -> {
            end();
            path.close();
        });
        closed = true;
        threads.forEach(IoThread::close);
    }
}
