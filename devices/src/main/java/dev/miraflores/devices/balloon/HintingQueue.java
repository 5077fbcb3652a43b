// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.aio.Counters;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * The free_page_vq: in a round, a buffer with the round's number, then device-writable buffers that were free memory when the
 * driver looked, then a buffer that says that this was all.
 * <p>A hinted page may be in use again by the time that the hint is read, without the device being told (§5.5.6.5.1): it may be
 * left out of what is copied elsewhere while all writes to memory are watched, and no more. Nothing is copied here, so hints are
 * counted and the pages are never touched.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.5.6.5.
 */
final class HintingQueue extends ServedQueue {

    /** Hints in a turn; nothing is done about one. */
    static final int TURN_BUDGET = 64;

    private static final int NO_ROUND = virtio_abi.VIRTIO_BALLOON_CMD_ID_STOP;

    private final BalloonConfigSpace config;
    private final Counters<BalloonCounter> counters;
    private final Runnable roundEnded;
    /** The round that the driver is at, or {@link #NO_ROUND}. */
    private int round;

    HintingQueue(DeviceQueue queue, DeviceEvents events, BalloonConfigSpace config, Counters<BalloonCounter> counters,
            Runnable roundEnded) {
        super(queue, events, TURN_BUDGET);
        this.config = config;
        this.counters = counters;
        this.roundEnded = roundEnded;
    }

    @Override
    protected int serve(DescriptorChain chain) {
        if (chain.readableBytes() != 0) {
            command(chain);
        } else if (chain.count() == 0) {
            counters.increment(BalloonCounter.MALFORMED);
        } else if (round != NO_ROUND && round == config.hintCommand()) {
            counters.add(BalloonCounter.HINTED_BYTES, chain.writableBytes());
        }
        return 0;
    }

    private void command(DescriptorChain chain) {
        if (chain.readableBytes() != Integer.BYTES) {
            counters.increment(BalloonCounter.MALFORMED);
            return;
        }
        int command = chain.readInt(0);
        boolean over = command == virtio_abi.VIRTIO_BALLOON_CMD_ID_STOP && round != NO_ROUND && round == config.hintCommand();
        // What comes under another number than the present one is ignored (§5.5.6.5.2).
        round = command > virtio_abi.VIRTIO_BALLOON_CMD_ID_DONE && command == config.hintCommand() ? command : NO_ROUND;
        if (over) {
            roundEnded.run();
        }
    }
}
