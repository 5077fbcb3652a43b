// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.UnixSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Keeps a device and its back end together: connects, brings the rings to where the driver wants them, and connects again when
 * the back end is gone.
 * <pre>
 *              driver is ready, not paused                      driver resets, pause, failure
 *   STOPPED ─────────────────────────────────&gt; RUNNING ─────────────────────────────────────&gt; STOPPING
 *      ^                                          │                                               │
 *      │        the back end is gone              │      each ring has said where it stands       │
 *      └──────────────────────────────────────────┴───────────────────────────────────────────────┘ </pre>
 * STOPPING ends once what the back end had in flight is finished, too, or it has taken too long for that.
 * <p>Thread: the control thread, all of it, but for {@link #start} and {@link #shutdown}.
 */
final class BackendLink implements ControlThread.Duty {

    private static final int READY = DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK;
    private static final long FIRST_RETRY_NS = 10_000_000L;
    /** A back end that announces changes as fast as it can is asked for its configuration so often. */
    private static final long CONFIG_PAUSE_NS = 50_000_000L;

    /** How often it is looked whether a stopped ring is finished: nobody says so. */
    private static final long FINISH_LOOK_NS = 1_000_000L;

    private enum Rings { STOPPED, RUNNING, STOPPING }

    private final VhostUserConfig config;
    private final BackendRole role;
    private final ControlThread thread;
    private final LimitedLog log;
    private final Consumer<String> onNeedsReset;
    /** What the driver was offered, for as long as the device exists. */
    private long offered;
    private int queues;
    private int configBytes;

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
    /** While rings are stopping and all have said where they stand: until when what is in flight is waited for. */
    private long finishUntilNs;
    private int enabled;
    private boolean served = true;
    private boolean paused;
    private boolean failed;
    private Runnable resetDone;
    private final List<Runnable> whenStill = new ArrayList<>();
    private volatile boolean closing;

    BackendLink(VhostUserConfig config, BackendRole role, ControlThread thread, Consumer<String> onNeedsReset) {
        this.config = config;
        this.role = role;
        this.thread = thread;
        this.onNeedsReset = onNeedsReset;
        log = new LimitedLog(role.logger(), role.device() + ": ");
    }

    // The first connection, which decides what the device is.

    /**
     * Starts the control thread, which connects before all else, and waits for that.
     *
     * @return null, or why there is no device; then the thread has ended
     */
    String start() {
        String[] why = new String[1];
        thread.execute(() -> why[0] = firstConnection());
        thread.start(this);
        thread.call(Runnable::run, Long.MAX_VALUE);
        if (why[0] != null) {
            thread.close();
        }
        return why[0];
    }

    private String firstConnection() {
        try {
            open();
            return null;
        } catch (SessionException e) {
            return e.getMessage() + (e.kind() != SessionException.Kind.LOST ? "" : e.errno() == Errno.EPERM
                ? "; the sandbox lets hv connect nowhere: start it with --shared-memory, or with --sandbox off"
                : "; is a " + role.program() + " back end listening there, and without another client?");
        } catch (RuntimeException e) {
            return e.getMessage();
        }
    }

    private void open() throws SessionException {
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
        int most = offer.maxQueues();
        queues = config.queues() != 0 ? config.queues() : Math.min(config.usualQueues(), most);
        if (queues > most) {
            throw new SessionException(SessionException.Kind.BROKEN,
                "queues=" + queues + ", but it serves " + most + " at most; use as many or fewer");
        }
        offered = offer.offered(config.packed(), queues, role.multiQueue());
        configBytes = offer.config().length;
        enabled = ringCount();
        role.opened(offer, queues);
    }

    long offered() {
        return offered;
    }

    int queues() {
        return queues;
    }

    private int ringCount() {
        return queues * role.ringsEach();
    }

    private void connect() throws SessionException {
        UnixSocket socket;
        try {
            socket = UnixSocket.connect(config.socketPath());
        } catch (ErrnoException e) {
            throw new SessionException(SessionException.Kind.LOST, e.getMessage(), e.errno());
        }
        session = new BackendSession(socket, role, config.replyNs());
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
        vrings = new VringSet(with, ringCount(), thread,
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

    /** Rings below {@code count} are enabled; all are at first. */
    void setEnabled(int count) {
        boolean changed = enabled != count;
        enabled = count;
        if (changed && rings == Rings.RUNNING) {
            exchange(to -> {
                vrings.enable(to, count);
                to.settle();
            });
        }
    }

    /** Whether rings are to be served at all; they are at first. */
    void setServed(boolean wanted) {
        served = wanted;
        advance();
    }

    private boolean wantsToRun() {
        return vrings != null && resetDone == null && served && !paused && !failed;
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
            startRings();
        }
        if (rings == Rings.RUNNING && !wantsToRun()) {
            rings = Rings.STOPPING;
            session.begin();
            if (vrings.beginStop(session)) {
                finishStopping();
            }
        }
    }

    private void startRings() throws SessionException {
        VirtioActivation driver = vrings.activation();
        session.begin();
        if (!introduced) {
            // The driver's may have others that the back end has no part in.
            session.setFeatures(driver.features() & offer.features(), DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER, READY);
            session.setMemory(new SharedMemory(driver.memory()));
            introduced = true;
        }
        role.beforeStart(session);
        vrings.start(session, offer, READY | DeviceStatus.DRIVER_OK, enabled);
    }

    private void mainReadable() {
        if (rings != Rings.STOPPING) {
            lose(session.unasked());
            return;
        }
        try {
            session.begin();
            if (vrings.goOnStopping(session)) {
                finishStopping();
            }
        } catch (SessionException e) {
            lose(e);
        }
        advance();
    }

    /** All rings have said where they stand. */
    private void finishStopping() {
        if (vrings.areFinished()) {
            rings = Rings.STOPPED;
        } else {
            finishUntilNs = System.nanoTime() + config.finishNs();
        }
    }

    private boolean isFinishing() {
        return session != null && rings == Rings.STOPPING && vrings.haveStopped();
    }

    /** Nobody who waits for rings to stop waits for ever: a request that is given up finishes when it likes, or never. */
    private void lookWhetherFinished() {
        boolean finished = vrings.areFinished();
        if (!finished && System.nanoTime() - finishUntilNs < 0) {
            return;
        }
        if (!finished) {
            log.log(System.Logger.Level.WARNING, "the back end at " + config.socketPath() + " says that its rings have stopped, but"
                + " has not finished what it had taken from them in " + config.finishNs() / 1_000_000 + " ms; going on without");
        }
        rings = Rings.STOPPED;
        advance();
    }

    private void finishReset() {
        closeVrings();
        introduced = false;
        failed = false;
        // Before the exchange: if that loses the back end, the reset is over all the same, and not to be ended twice.
        Runnable done = resetDone;
        resetDone = null;
        role.reset();
        exchange(to -> {
            to.resetDevice();
            role.afterReset(to);
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
    interface Exchange {
        void run(BackendSession session) throws SessionException;
    }

    /** Not while a ring is being stopped, when the next thing it says is where that stands. */
    void exchange(Exchange what) {
        if (session == null || rings == Rings.STOPPING) {
            return;
        }
        try {
            session.begin();
            what.run(session);
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
            role.lost();
            sayGone(why.getMessage());
            if (why.kind() == SessionException.Kind.BROKEN) {
                fail("the back end broke the protocol: " + why.getMessage());
            } else if (lost < 0 || lost != 0 && !role.bearsLoss()) {   // a place that cannot be told is no mere loss
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
        if (isFinishing()) {
            return FINISH_LOOK_NS;
        }
        return configStale && rings != Rings.STOPPING ? configAtNs - now : ControlThread.NEVER;
    }

    @Override
    public void turn() {
        if (session == null && !closing && System.nanoTime() - retryAtNs >= 0) {
            reconnect();
        }
        if (isFinishing()) {
            lookWhetherFinished();
        }
        lookAtChannel();
        if (session != null && configStale && rings != Rings.STOPPING && System.nanoTime() - configAtNs >= 0) {
            configStale = false;
            configAtNs = System.nanoTime() + CONFIG_PAUSE_NS;
            exchange(to -> role.configured(to.readConfig(configBytes), driver()));
        }
    }

    private void lookAtChannel() {
        if (session == null) {
            return;
        }
        configStale |= session.channel().takeConfigChange() && configBytes != 0;
        if (channelWatched && !session.channel().isOpen()) {
            thread.forget(channelWatch);
            channelWatched = false;
        }
    }

    private VirtioActivation driver() {
        return vrings == null ? null : vrings.activation();
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
        exchange(to -> role.connected(to, offer, driver()));
        advance();
    }

    /** The driver knows the device as it was: another back end may be another process, but not another device. */
    private void checkSame() throws SessionException {
        long missing = offered & ~offer.offered(config.packed(), queues, role.multiQueue());
        if (missing != 0) {
            throw new SessionException(SessionException.Kind.BROKEN, "it lacks features that the one before had (0x"
                + Long.toHexString(missing) + ")");
        }
        if (offer.maxQueues() < queues || offer.config().length < configBytes) {
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
