// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.net.NetDataPath;
import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.NetPairReport;
import dev.miraflores.devices.net.NetPathEvents;
import dev.miraflores.devices.net.NetState;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.Errno;
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

    private final VhostUserConfig config;
    private final NetRole role;
    private final BackendControl control;
    private final BackendLink link;
    private NetState state;

    private VhostUserNetPath(VhostUserConfig config, long mac, int mtu) {
        this.config = config;
        role = new NetRole(config.id(), mac, mtu);
        control = new BackendControl(config, role, why -> { });
        link = control.link();
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
        return link.offered() & (NetRole.RINGS | NetFeatures.OFFLOADS);
    }

    @Override
    public int mtu() {
        return 0;
    }

    @Override
    public void start(NetPathEvents events) {
        control.execute(() -> role.events(events));
    }

    @Override
    public void activate(VirtioActivation activation, int pairs, NetState first) {
        int rings = Math.min(pairs, link.queues()) * role.ringsEach();
        // Without the control queue, which is ours.
        VirtioActivation packets = new VirtioActivation(
            activation.features(), activation.memory(), activation.queues().subList(0, rings), activation.events());
        state = first;
        control.execute(() -> {
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
        boolean changed = control.call(() -> {
            link.setEnabled(to.activePairs() * role.ringsEach());
            link.setServed(to.linkUp());
        });
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
        control.reset();
    }

    @Override
    public boolean isHung() {
        return control.isHung();
    }

    @Override
    public void pause() {
        control.pause();
    }

    @Override
    public void resume() {
        control.resume();
    }

    /** Only the back end knows. */
    @Override
    public List<NetPairReport> report() {
        return List.of();
    }

    @Override
    public void close() {
        control.close();
    }
}
