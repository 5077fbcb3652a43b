// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

/**
 * The data path of this process: packets go between queues and the ports of a {@link NetBackend}, each pair's on one I/O thread.
 * <p>Thread: as {@link NetDataPath}. A change waits until each pair's thread has seen it: what was asked for before then has
 * happened, or does not any more.
 * <p>Lifetime: owns the back end, not the threads, which have to outlive it.
 */
public final class PortDataPath implements NetDataPath {

    private static final long RING = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX
        | RingFeatures.RING_PACKED | RingFeatures.IN_ORDER;

    private final NetBackend backend;
    private final QueuePair[] pairs;
    private final int mtu;
    private final long features;
    private final LimitedLog log;
    private PortRun run;
    private NetState state;

    /**
     * @param config  of which it is the data path
     * @param threads which share the pairs: all of them are on the first, if packets are to be steered by their hash
     */
    public PortDataPath(NetDeviceConfig config, NetBackend backend, List<IoThread> threads) {
        this.backend = backend;
        this.mtu = config.mtu() != 0 ? config.mtu() : backend.mtu();
        this.pairs = new QueuePair[Math.min(config.queuePairs(), backend.maxQueuePairs())];
        for (int i = 0; i < pairs.length; i++) {
            pairs[i] = new QueuePair(i, threads.get(i % threads.size()), backend.port(i));
        }
        long hash = (threads.size() == 1 ? NetFeatures.RSS : 0) | NetFeatures.HASH_REPORT;
        this.features = RING | NetFeatures.MRG_RXBUF | hash | backend.offloads() & NetFeatures.OFFLOADS;
        this.log = new LimitedLog(PortDataPath.class, "nic " + config.id() + ": ");
    }

    @Override
    public String description() {
        return backend.description();
    }

    @Override
    public int maxQueuePairs() {
        return pairs.length;
    }

    @Override
    public long features() {
        return features;
    }

    @Override
    public int mtu() {
        return backend.mtu();
    }

    @Override
    public void start(NetPathEvents events) {
        backend.start(new NetBackendEvents() {
            @Override
            public void linkChanged(boolean up) {
                events.linkChanged(up);
            }

            @Override
            public void changePort(int pair, Runnable change) {
                try {
                    pairs[pair].thread().execute(() -> pairs[pair].changePort(change));
                } catch (RejectedExecutionException e) {
                    change.run(); // the NIC is gone, and so nobody uses the port
                }
            }
        });
    }

    @Override
    public void activate(VirtioActivation activation, int count, NetState first) {
        PortRun begun = new PortRun(activation, pairs, mtu, log);
        run = begun;
        for (int i = 0; i < Math.min(count, pairs.length); i++) {
            QueuePair pair = pairs[i];
            pair.thread().call(() -> pair.start(begun));
        }
        state = first;
        int rc = backend.setOffloads(first.guestOffloads());
        rc = rc < 0 ? rc : backend.setActivePairs(first.activePairs());
        if (rc < 0) {
            begun.fail("its back end " + description() + " does not do what it has offered: " + Errno.name(-rc), null);
        }
        onEach(pair -> pair.set(first));
        onEach(pair -> pair.watchDoorbells(begun));
    }

    /** A pair whose thread has died moves nothing any more, and must not keep the others from hearing of it. */
    private void onEach(Consumer<QueuePair> action) {
        for (QueuePair pair : pairs) {
            try {
                pair.thread().call(() -> action.accept(pair));
            } catch (RejectedExecutionException e) {
                log.log(System.Logger.Level.WARNING, "thread " + pair.thread().name() + " has died; its queues stand still");
            }
        }
    }

    @Override
    public int change(NetState to) {
        NetState from = state;
        int rc = to.guestOffloads() == from.guestOffloads() ? 0 : backend.setOffloads(to.guestOffloads());
        if (rc < 0) {
            return rc;
        }
        if (to.activePairs() < from.activePairs()) {
            onEach(pair -> pair.set(to)); // first, so that nobody uses a port that goes away
        }
        rc = to.activePairs() == from.activePairs() ? 0 : backend.setActivePairs(to.activePairs());
        if (rc < 0) {
            backend.setOffloads(from.guestOffloads());
            backend.setActivePairs(from.activePairs());
            onEach(pair -> pair.set(from));
            return rc;
        }
        state = to;
        onEach(pair -> pair.set(to));
        return 0;
    }

    @Override
    public void reset() {
        if (run != null) {
            run = null;
            onEach(QueuePair::stop);
        }
    }

    @Override
    public void pause() {
        onEach(pair -> pair.setPaused(true));
    }

    @Override
    public void resume() {
        onEach(pair -> pair.setPaused(false));
    }

    @Override
    public List<NetPairReport> report() {
        List<NetPairReport> all = new ArrayList<>();
        for (QueuePair pair : pairs) {
            all.add(pair.report());
        }
        return all;
    }

    @Override
    public void close() {
        reset();
        backend.close();
    }
}
