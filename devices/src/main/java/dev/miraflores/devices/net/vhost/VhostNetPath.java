// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import dev.miraflores.devices.net.NetBackend;
import dev.miraflores.devices.net.NetBackendEvents;
import dev.miraflores.devices.net.NetDataPath;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.NetPairReport;
import dev.miraflores.devices.net.NetPathEvents;
import dev.miraflores.devices.net.NetState;
import dev.miraflores.devices.vhost.VhostControl;
import dev.miraflores.devices.vhost.VhostDevice;
import dev.miraflores.devices.vhost.VhostException;
import dev.miraflores.devices.vhost.VhostKind;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.ArrayList;
import java.util.List;

/**
 * The data path in the host's kernel: for each queue pair an open /dev/vhost-net, which moves packets between the pair's queues and
 * a descriptor of a tap.
 * <p>Thread: as {@link NetDataPath}; all that is asked of the kernel is asked by a control thread of its own.
 * <p>Lifetime: owns the tap.
 */
public final class VhostNetPath implements NetDataPath {

    private static final long DEFAULT_STOP_NS = 30_000_000_000L;
    /** What the kernel knows of rings, and how packets lie in them. Packed rings are not among that. */
    private static final long RINGS =
        RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX | NetFeatures.MRG_RXBUF;

    private final NetBackend tap;
    private final int pairs;
    private final long features;
    private final VhostControl control;
    private final VhostNetLink link;

    private VhostNetPath(String id, NetBackend tap, List<VhostDevice> vhosts, long stopNs) {
        this.tap = tap;
        pairs = vhosts.size();
        long known = -1L;
        for (VhostDevice vhost : vhosts) {
            known &= vhost.features();
        }
        features = known & RINGS;
        ControlThread thread = new ControlThread("vhost-" + id);
        control = new VhostControl(thread, "nic " + id, stopNs);
        link = new VhostNetLink(id, tap, vhosts, features, thread);
        thread.start(link);
    }

    /**
     * Has the kernel serve a NIC.
     *
     * @param id         the NIC's, for messages and the thread's name
     * @param tap        whose ports' descriptors are queues of a tap, with a header in front of packets as long as
     *                   {@link dev.miraflores.devices.net.NetHeader#BYTES} (TUNSETVNETHDRSZ); closed with the path, or where this throws
     * @param queuePairs at most so many, as many as the tap has queues
     * @throws VhostException where the host does not have vhost-net for this user
     */
    public static VhostNetPath open(String id, NetBackend tap, int queuePairs) {
        return open(id, tap, queuePairs, VhostKind.NET::open, DEFAULT_STOP_NS);
    }

    /** Opens one more, for another pair. */
    interface Opener {
        VhostDevice open();
    }

    static VhostNetPath open(String id, NetBackend tap, int queuePairs, Opener opener, long stopNs) {
        List<VhostDevice> vhosts = new ArrayList<>();
        try {
            for (int i = 0; i < Math.min(queuePairs, tap.maxQueuePairs()); i++) {
                vhosts.add(opener.open());
                if ((vhosts.getLast().features() & RingFeatures.VERSION_1) == 0) {
                    throw new VhostException(VhostKind.NET.path() + ": it only knows legacy devices; use a newer kernel");
                }
            }
            return new VhostNetPath(id, tap, vhosts, stopNs);
        } catch (RuntimeException | Error e) {
            vhosts.forEach(VhostDevice::close);
            tap.close();
            throw e;
        }
    }

    @Override
    public String description() {
        return tap.description() + ",vhost=on";
    }

    @Override
    public int maxQueuePairs() {
        return pairs;
    }

    @Override
    public long features() {
        return features | tap.offloads() & NetFeatures.OFFLOADS;
    }

    @Override
    public int mtu() {
        return tap.mtu();
    }

    @Override
    public void start(NetPathEvents events) {
        tap.start(new NetBackendEvents() {
            @Override
            public void linkChanged(boolean up) {
                events.linkChanged(up);
            }

            @Override
            public void changePort(int pair, Runnable change) {
                control.execute(() -> link.changePort(pair, change));
            }
        });
    }

    @Override
    public void activate(VirtioActivation activation, int count, NetState state) {
        control.call(() -> link.activate(activation, count, state));
    }

    @Override
    public void reset() {
        control.reset(link::reset);
    }

    @Override
    public boolean isHung() {
        return control.isHung();
    }

    @Override
    public int change(NetState state) {
        int[] result = {-Errno.ETIMEDOUT};
        control.call(() -> result[0] = link.change(state));
        return result[0];
    }

    @Override
    public void pause() {
        control.pause(link::pause, link::resume);
    }

    @Override
    public void resume() {
        control.call(link::resume);
    }

    /** Only the kernel knows. */
    @Override
    public List<NetPairReport> report() {
        return List.of();
    }

    @Override
    public void close() {
        control.close();
        tap.close();
    }
}
