// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.virtio.ring.DescriptorChain;
import java.util.function.Consumer;

/**
 * The statsq: the driver has one buffer there, with what it knows. The device keeps it, and gives it back to ask for another.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.5.6.3.
 */
final class StatisticsQueue extends ServedQueue {

    /** le16 tag, le64 val; packed. */
    static final int ENTRY_BYTES = 10;
    private static final int VALUE_OFFSET = 2;
    /** Of a buffer: more kinds of statistics than there are. */
    static final int MAX_ENTRIES = 64;

    private final Consumer<BalloonStatistics> consumer;
    /** The buffer that is held has been read. */
    private boolean read;
    private boolean asked;

    StatisticsQueue(DeviceQueue queue, DeviceEvents events, Consumer<BalloonStatistics> consumer) {
        super(queue, events, 1);
        this.consumer = consumer;
    }

    /** Asks the driver for statistics. Where its answer to the last time has not come yet, does nothing. */
    void ask() {
        asked = read;
    }

    @Override
    protected boolean isReady() {
        return !read || asked;
    }

    @Override
    protected int serve(DescriptorChain chain) {
        if (read) {
            read = false;
            asked = false;
            return 0;
        }
        read = true;
        consumer.accept(parse(chain));
        return UNFINISHED;
    }

    /** Any order, any tags; those that are not known are left out (§5.5.6.3.2). */
    private static BalloonStatistics parse(DescriptorChain chain) {
        long[] values = BalloonStatistics.unknown();
        long entries = Math.min(MAX_ENTRIES, chain.readableBytes() / ENTRY_BYTES);
        for (int i = 0; i < entries; i++) {
            BalloonStatistic statistic = BalloonStatistic.of(chain.readShort((long) i * ENTRY_BYTES) & 0xFFFF);
            if (statistic != null) {
                values[statistic.ordinal()] = chain.readLong((long) i * ENTRY_BYTES + VALUE_OFFSET);
            }
        }
        return new BalloonStatistics(System.currentTimeMillis() / 1000, values);
    }
}
