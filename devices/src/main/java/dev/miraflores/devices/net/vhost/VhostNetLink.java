// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.net.NetBackend;
import dev.miraflores.devices.net.NetState;
import dev.miraflores.devices.vhost.VhostDevice;
import dev.miraflores.devices.vhost.VhostLink;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import java.util.ArrayList;
import java.util.List;

/**
 * Brings each pair's kernel side, and the tap, to where driver, operator and machine want them. A pair is served while the driver
 * has started it and uses it, the link is up and the machine runs.
 * <p>Thread: the control thread.
 */
final class VhostNetLink extends VhostLink {

    private final NetBackend tap;
    private final long ringFeatures;
    private final ControlThread thread;
    private final List<VhostNetPair> pairs = new ArrayList<>();
    private NetState state;

    VhostNetLink(String id, NetBackend tap, List<VhostDevice> vhosts, long ringFeatures, ControlThread thread) {
        super(new LimitedLog(VhostNetPath.class, "nic " + id + ": "));
        this.tap = tap;
        this.ringFeatures = ringFeatures;
        this.thread = thread;
        for (VhostDevice vhost : vhosts) {
            pairs.add(new VhostNetPair(vhost, tap.port(pairs.size())));
        }
    }

    /** @param count how many pairs there are to the driver's queues */
    void activate(VirtioActivation with, int count, NetState first) {
        started(with);
        state = first;
        for (int i = 0; i < Math.min(count, pairs.size()); i++) {
            int pair = i;
            pairs.get(i).attach(with, i, thread, () -> fail("the kernel reports an error of queue pair " + pair));
        }
        int rc = tap.setOffloads(first.guestOffloads());
        rc = rc < 0 ? rc : tap.setActivePairs(first.activePairs());
        if (rc < 0) {
            fail("its tap does not do what it has offered: " + Errno.name(-rc));
            return;
        }
        advance();
    }

    @Override
    public void reset() {
        for (VhostNetPair pair : pairs) {
            pair.detach();
        }
        stopped();
    }

    @Override
    protected void close() {
        pairs.forEach(VhostNetPair::close);
    }

    /** Where it fails all is as before, unless the kernel has refused to serve a pair: then the device needs a reset. */
    int change(NetState to) {
        NetState from = state;
        int rc = to.guestOffloads() == from.guestOffloads() ? 0 : tap.setOffloads(to.guestOffloads());
        if (rc < 0) {
            return rc;
        }
        state = to;
        if (to.activePairs() < from.activePairs()) {
            advance();   // first, so that nobody serves a queue of the tap's that goes away
        }
        rc = to.activePairs() == from.activePairs() ? 0 : tap.setActivePairs(to.activePairs());
        if (rc < 0) {
            state = from;
            tap.setOffloads(from.guestOffloads());
            tap.setActivePairs(from.activePairs());
        }
        advance();
        return hasFailed() ? -Errno.EIO : rc;
    }

    /** The descriptor of a pair's port is to be another. */
    void changePort(int pair, Runnable change) {
        if (pair < pairs.size()) {
            pairs.get(pair).stop();
        }
        change.run();
        advance();
    }

    @Override
    protected void advance() {
        int served = !mayRun() || !state.linkUp() ? 0 : Math.min(state.activePairs(), pairs.size());
        for (int i = served; i < pairs.size(); i++) {
            pairs.get(i).stop();
        }
        try {
            for (int i = 0; i < served; i++) {
                pairs.get(i).start(driver().features() & ringFeatures);
            }
        } catch (ErrnoException e) {
            fail(e.getMessage());
        }
    }
}
