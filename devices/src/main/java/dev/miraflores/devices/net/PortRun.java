// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.memory.GuestMemory;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The queues of a {@link PortDataPath} from DRIVER_OK to reset: what they have in common.
 * <p>Thread: any; {@link #receiveQueue}, that of all pairs where there is only one.
 */
final class PortRun {

    private final VirtioActivation activation;
    private final QueuePair[] pairs;
    private final int mtu;
    private final LimitedLog log;
    private final AtomicBoolean failed = new AtomicBoolean();

    /** @param mtu what the guest was told; 0 where it was not */
    PortRun(VirtioActivation activation, QueuePair[] pairs, int mtu, LimitedLog log) {
        this.activation = activation;
        this.pairs = pairs;
        this.mtu = (activation.features() & NetFeatures.MTU) != 0 ? mtu : 0;
        this.log = log;
    }

    VirtioActivation activation() {
        return activation;
    }

    long features() {
        return activation.features();
    }

    boolean has(long feature) {
        return (activation.features() & feature) != 0;
    }

    GuestMemory memory() {
        return activation.memory();
    }

    int mtu() {
        return mtu;
    }

    /** Of the header that the guest sees. */
    int headerBytes() {
        return has(NetFeatures.HASH_REPORT) ? NetHeader.BYTES_WITH_HASH : NetHeader.BYTES;
    }

    /** Or {@code null}. */
    ReceiveQueue receiveQueue(int pair) {
        return pair < pairs.length ? pairs[pair].receiveQueue() : null;
    }

    boolean isFailed() {
        return failed.get();
    }

    /** No queue does anything any more, and the driver is told that the device needs a reset. */
    void fail(String what, Throwable bug) {
        if (failed.compareAndSet(false, true)) {
            log.log(System.Logger.Level.ERROR, what + "; it needs a reset", bug);
            activation.events().needsReset();
        }
    }
}
