// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.UnixSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Keeps a disk and its back end together: connects, brings the rings to where the driver wants them, and connects again when
 * the back end is gone.
 * <pre>
 *              driver is ready, not paused                      driver resets, pause, failure
 *   STOPPED ─────────────────────────────────&gt; RUNNING ─────────────────────────────────────&gt; STOPPING
 *      ^                                          │                                               │
 *      │        the back end is gone              │      each ring has said where it stands       │
 *      └──────────────────────────────────────────┴───────────────────────────────────────────────┘ </pre>
 * <p>Thread: the control thread, all of it, but for {@link #shutdown}.
 */
final class BackendLink implements ControlThread.Duty {

    private static final int READY = DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK;
    private static final long FIRST_RETRY_NS = 10_000_000L;
    /** A back end that announces changes as fast as it can is asked for its configuration so often. */
    private static final long CONFIG_PAUSE_NS = 50_000_000L;

    private enum Rings { STOPPED, RUNNING, STOPPING }

    private final VhostUserBlockConfig config;
    private final ControlThread thread;
    private final LimitedLog log;
    private final Consumer<String> onNeedsReset;
    /** What the driver was offered, for as long as the device exists. */
    private long offered;
    private int queues;
    private RemoteConfigSpace space;

    private volatile BackendSession session;
    private BackendOffer offer;
    /** The back end knows the driver's features and memory. */
    private boolean introduced;
    private long mainWatch;
    private long channelWatch;
    private boolean channelWatched;
    private long retryNs = FIRST_RETRY_NS;
    private long retryAtNs;
    private long connectedAtNs;
    private boolean saidGone;
    private boolean configStale;
    private long configAtNs;

    /** What the driver has enabled; null while it has not started. */
    private VringSet vrings;
    private Rings rings = Rings.STOPPED;
    private boolean paused;
    private boolean failed;
    private Runnable resetDone;
    private final List<Runnable> whenStill = new ArrayList<>();
    private volatile boolean closing;

    BackendLink(VhostUserBlockConfig config, ControlThread thread, Consumer<String> onNeedsReset) {
        this.config = config;
        this.thread = thread;
        this.onNeedsReset = onNeedsReset;
        log = new LimitedLog(VhostUserBlockDevice.class, "drive " + config.id() + ": ");
    }

    // The first connection, which decides what the device is.

    /** Connects for the first time. */
    void open() throws SessionException {
        try {
            connect();
            decide();
        } catch (SessionException e) {
            closing = true;
            closeSession();
            throw e;
        }
        watchSession();
    }

    private void decide() throws SessionException {
        queues = config.queues() != 0 ? config.queues() : Math.min(config.usualQueues(), offer.maxQueues());
        if (queues > offer.maxQueues()) {
            throw new SessionException(SessionException.Kind.BROKEN,
                "queues=" + queues + ", but it serves " + offer.maxQueues() + " at most; use as many or fewer");
        }
        offered = offer.offered(config.packed(), queues);
        space = new RemoteConfigSpace(offer.config(), queues);
    }

    long offered() {
        return offered;
    }

    int queues() {
        return queues;
    }

    RemoteConfigSpace space() {
        return space;
    }

    private void connect() throws SessionException {
        UnixSocket socket;
        try {
            socket = UnixSocket.connect(config.socketPath());
        } catch (ErrnoException e) {
            throw new SessionException(SessionException.Kind.LOST, e.getMessage());
        }
        session = new BackendSession(socket, config.replyNs());
        if (closing) {
            session.shutdown();
        }
        introduced = false;
        offer = session.negotiate();
        connectedAtNs = System.nanoTime();
    }

    private void watchSession() {
        mainWatch = thread.watch(session.number(), this::mainReadable);
        channelWatched = session.channel().isOpen();
        if (channelWatched) {
            channelWatch = thread.watch(session.channel().number(), session::serveChannel);
        }
    }

    private void closeSession() {
        if (session != null) {
            if (mainWatch != 0) {
                thread.unwatch(session.number(), mainWatch);
                mainWatch = 0;
            }
            lookAtChannel();
            if (channelWatched) {
                thread.unwatch(session.channel().number(), channelWatch);
                channelWatched = false;
            }
            session.close();
            session = null;
        }
    }

    // What the driver wants.

    void activate(VirtioActivation with) {
        vrings = new VringSet(with, queues, thread,
            index -> fail("the back end reports an error of queue " + index));
        advance();
    }

    /** @param done is called once nothing of the back end that we know of is at work any more */
    void reset(Runnable done) {
        resetDone = done;
        if (vrings != null) {
            vrings.disconnect();
        }
        advance();
    }

    /** @param still is called when the rings have stopped */
    void pause(Runnable still) {
        paused = true;
        whenStill.add(still);
        advance();
    }

    void resume() {
        paused = false;
        advance();
    }

    /** The driver has written the one byte of configuration that it may write. */
    void writeWce(int value) {
        exchange(() -> session.writeConfig(RemoteConfigSpace.wceOffset(), value));
    }

    private boolean wantsToRun() {
        return vrings != null && resetDone == null && !paused && !failed;
    }

    /** Goes as far towards what is wanted as it goes without waiting for a ring to stop. */
    private void advance() {
        if (session != null) {
            try {
                moveRings();
            } catch (SessionException e) {
                lose(e);
            }
        }
        if (rings == Rings.STOPPED) {
            List<Runnable> waiting = List.copyOf(whenStill);
            whenStill.clear();
            waiting.forEach(Runnable::run);
            if (resetDone != null) {
                finishReset();
            }
        }
    }

    private void moveRings() throws SessionException {
        if (rings == Rings.STOPPED && wantsToRun()) {
            rings = Rings.RUNNING;
            start();
        }
        if (rings == Rings.RUNNING && !wantsToRun()) {
            rings = Rings.STOPPING;
            session.begin();
            rings = vrings.beginStop(session) ? Rings.STOPPED : Rings.STOPPING;
        }
    }

    private void start() throws SessionException {
        VirtioActivation driver = vrings.activation();
        session.begin();
        if (!introduced) {
            session.setFeatures(driver.features(), DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER, READY);
            session.setMemory(new SharedMemory(driver.memory()));
            introduced = true;
        }
        int wce = space.writtenWce();
        if (wce >= 0) {
            session.writeConfig(RemoteConfigSpace.wceOffset(), wce);
        }
        vrings.start(session, offer, READY | DeviceStatus.DRIVER_OK);
    }

    private void mainReadable() {
        if (rings != Rings.STOPPING) {
            lose(session.unasked());
            return;
        }
        try {
            session.begin();
            rings = vrings.goOnStopping(session) ? Rings.STOPPED : Rings.STOPPING;
        } catch (SessionException e) {
            lose(e);
        }
        advance();
    }

    private void finishReset() {
        closeVrings();
        introduced = false;
        failed = false;
        // Before the exchange: if that loses the back end, the reset is over all the same, and not to be ended twice.
        Runnable done = resetDone;
        resetDone = null;
        int wce = space.resetWce();
        exchange(() -> {
            session.resetDevice();
            if (wce >= 0) {
                session.writeConfig(RemoteConfigSpace.wceOffset(), wce);
            }
        });
        done.run();
    }

    private void closeVrings() {
        if (vrings != null) {
            vrings.close();
            vrings = null;
        }
    }

    /** Something to be said to the back end. */
    private interface Exchange {
        void run() throws SessionException;
    }

    /** Not while a ring is being stopped, when the next thing it says is where that stands. */
    private void exchange(Exchange what) {
        if (session == null || rings == Rings.STOPPING) {
            return;
        }
        try {
            session.begin();
            what.run();
        } catch (SessionException e) {
            lose(e);
        }
    }

    // What goes wrong.

    /** The connection is over. */
    private void lose(SessionException why) {
        closeSession();
        int lost = vrings == null ? 0 : vrings.lost();
        rings = Rings.STOPPED;
        // One that dies of what it is asked, as soon as it is asked, is not asked again at once.
        retryLater(System.nanoTime() - connectedAtNs > config.retryNs());
        if (!closing) {
            sayGone(why.getMessage());
            if (why.kind() == SessionException.Kind.BROKEN) {
                fail("the back end broke the protocol: " + why.getMessage());
            } else if (lost != 0) {
                fail((lost < 0 ? "requests" : lost + " requests") + " went with the back end, which keeps no record of what is"
                    + " in flight (VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD)");
            }
        }
        advance();
    }

    private void retryLater(boolean afresh) {
        retryNs = afresh ? FIRST_RETRY_NS : Math.min(config.retryNs(), 2 * retryNs);
        retryAtNs = System.nanoTime() + retryNs;
    }

    private void sayGone(String what) {
        saidGone = true;
        log.log(System.Logger.Level.WARNING, "the back end at " + config.socketPath() + " is gone: " + what + "; trying to reach it again");
    }

    /** The device cannot go on until its driver resets it. */
    private void fail(String why) {
        if (vrings != null && !failed && resetDone == null) {
            failed = true;
            log.log(System.Logger.Level.ERROR, "needs a reset: " + why);
            vrings.activation().events().needsReset();
            onNeedsReset.accept(why);
            if (session != null) {
                advance();
            }
        }
    }

    @Override
    public void failed(Throwable bug) {
        log.log(System.Logger.Level.ERROR, "a mistake of ours", bug);
        lose(new SessionException(SessionException.Kind.BROKEN, bug.toString()));
    }

    // What comes by itself.

    @Override
    public long waitNs() {
        long now = System.nanoTime();
        if (session == null) {
            return closing ? ControlThread.NEVER : retryAtNs - now;
        }
        return configStale && rings != Rings.STOPPING ? configAtNs - now : ControlThread.NEVER;
    }

    @Override
    public void turn() {
        if (session == null && !closing && System.nanoTime() - retryAtNs >= 0) {
            reconnect();
        }
        lookAtChannel();
        if (session != null && configStale && rings != Rings.STOPPING && System.nanoTime() - configAtNs >= 0) {
            configStale = false;
            configAtNs = System.nanoTime() + CONFIG_PAUSE_NS;
            exchange(() -> publish(session.readConfig(space.byteSize())));
        }
    }

    private void lookAtChannel() {
        if (session == null) {
            return;
        }
        configStale |= session.channel().takeConfigChange();
        if (channelWatched && !session.channel().isOpen()) {
            thread.forget(channelWatch);
            channelWatched = false;
        }
    }

    private void publish(byte[] fresh) {
        if (!space.differs(fresh)) {
            return;
        }
        if (vrings == null) {
            space.set(fresh);
        } else {
            vrings.activation().events().changeConfig(() -> space.set(fresh));
        }
    }

    private void reconnect() {
        try {
            connect();
            checkSame();
            watchSession();
        } catch (SessionException e) {
            closeSession();
            retryLater(false);
            if (!saidGone && !closing) {
                sayGone(e.getMessage());
            }
            return;
        }
        if (saidGone) {
            saidGone = false;
            log.log(System.Logger.Level.INFO, "the back end at " + config.socketPath() + " is there again");
        }
        configStale = false;
        publish(offer.config());
        advance();
    }

    /** The driver knows the device as it was: another back end may be another process, but not another device. */
    private void checkSame() throws SessionException {
        long missing = offered & ~offer.offered(config.packed(), queues);
        if (missing != 0) {
            throw new SessionException(SessionException.Kind.BROKEN, "it lacks features that the one before had (0x"
                + Long.toHexString(missing) + ")");
        }
        if (offer.maxQueues() < queues || offer.config().length < space.byteSize()) {
            throw new SessionException(SessionException.Kind.BROKEN, "it serves " + offer.maxQueues()
                + " queues, the one before " + queues);
        }
        if (vrings != null && vrings.needsInflightArea() && !offer.has(ProtocolFeature.INFLIGHT_SHMFD)) {
            throw new SessionException(SessionException.Kind.BROKEN, "it does not take over what is in flight");
        }
    }

    // The end.

    /** Calls the control thread out of whatever it waits for the back end for. Any thread. */
    void shutdown() {
        closing = true;
        BackendSession current = session;
        if (current != null) {
            current.shutdown();
        }
    }

    @Override
    public void ended() {
        closeSession();
        closeVrings();
        if (resetDone != null) {
            resetDone.run();
        }
        whenStill.forEach(Runnable::run);
    }
}
