// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.block.DrainException;
import dev.miraflores.devices.net.NetDataPath;
import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.NetPairReport;
import dev.miraflores.devices.net.NetPathEvents;
import dev.miraflores.devices.net.NetState;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.List;

/**
 * A NIC's packets moved by another process, over vhost-user. Guest memory has to lie in a file that the process can be given.
 * <p>A back end that goes away is waited for; until there is one again the guest's link is down. What the guest says of the packets
 * that it wants (virtio 1.3 §5.1.6.5.1 to §5.1.6.5.3) the protocol has no words for; kinds of packets that the guest takes cannot
 * be changed while it runs.
 * <p>Thread: as {@link NetDataPath}.
 * <p>Lifetime: until {@link #close}, which ends the connection.
 * <p>Source: QEMU's docs/interop/vhost-user.rst; virtio 1.3 §5.1.
 */
public final class VhostUserNetPath implements NetDataPath {

    private static final long RINGS = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX
            | RingFeatures.RING_PACKED | RingFeatures.IN_ORDER | NetFeatures.MRG_RXBUF;

    private final VhostUserConfig config;
    private final NetRole role;
    private final ControlThread thread;
    private final BackendLink link;
    private volatile boolean resetting;
    private NetState state;
    private boolean closed;

    private VhostUserNetPath(VhostUserConfig config, long mac, int mtu) {
        this.config = config;
        role = new NetRole(config.id(), mac, mtu);
        thread = new ControlThread("vu-" + config.id());
        link = new BackendLink(config, role, thread, why -> { });
    }

    /**
     * Connects to the back end and asks what it can do.
     *
     * @param config whose queues are pairs
     * @param mac    the NIC's address, the first byte in the highest of the low 48 bits
     * @param mtu    what the guest is told of; 0 for nothing
     * @throws NetException where nobody listens, or whoever does cannot serve a NIC; the message is one line
     */
    public static VhostUserNetPath open(VhostUserConfig config, long mac, int mtu) {
        VhostUserNetPath path = new VhostUserNetPath(config, mac, mtu);
        String why = path.link.start();
        if (why != null) {
            throw new NetException("nic " + config.id() + ": vhost-user=" + config.socketPath() + ": " + why);
        }
        return path;
    }

    @Override
    public String description() {
        return "vhost-user=" + config.socketPath();
    }

    @Override
    public int maxQueuePairs() {
        return link.queues();
    }

    @Override
    public long features() {
        return link.offered() & (RINGS | NetFeatures.OFFLOADS);
    }

    @Override
    public int mtu() {
        return 0;
    }

    @Override
    public void start(NetPathEvents events) {
        thread.execute(() -> role.events(events));
    }

    @Override
    public void activate(VirtioActivation activation, int pairs, NetState first) {
        int rings = Math.min(pairs, link.queues()) * role.ringsEach();
        // Without the control queue, which is ours.
        VirtioActivation packets = new VirtioActivation(
            activation.features(), activation.memory(), activation.queues().subList(0, rings), activation.events());
        state = first;
        thread.execute(() -> {
            link.setEnabled(first.activePairs() * role.ringsEach());
            link.setServed(first.linkUp());
            link.activate(packets);
        });
    }

    @Override
    public int change(NetState to) {
        if (to.guestOffloads() != state.guestOffloads()) {
            return -Errno.EOPNOTSUPP;
        }
        state = to;
        boolean changed = thread.call(done -> {
            link.setEnabled(to.activePairs() * role.ringsEach());
            link.setServed(to.linkUp());
            done.run();
        }, config.replyNs());
        return changed ? 0 : -Errno.ETIMEDOUT;
    }

    /** What its back end was told at the start is what it was told. */
    @Override
    public boolean changesOffloads() {
        return false;
    }

    /** Waits until the back end has stopped all rings; where that takes too long the path {@link #isHung} until it has. */
    @Override
    public void reset() {
        resetting = true;
        thread.call(done -> link.reset(() -> {
            resetting = false;
            done.run();
        }), config.drainNs());
    }

    @Override
    public boolean isHung() {
        return resetting;
    }

    @Override
    public void pause() {
        if (!thread.call(link::pause, config.drainNs())) {
            resume();
            throw new DrainException("nic " + config.id() + ": its back end at " + config.socketPath()
                + " has not stopped in " + config.drainNs() / 1_000_000 + " ms", List.of());
        }
    }

    @Override
    public void resume() {
        thread.execute(link::resume);
    }

    /** Only the back end knows. */
    @Override
    public List<NetPairReport> report() {
        return List.of();
    }

    /** A back end that has not stopped its rings keeps its own mapping of guest memory: ours may go. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            link.shutdown();
            thread.close();
        }
    }
}
