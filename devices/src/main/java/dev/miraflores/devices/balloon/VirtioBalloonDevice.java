// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.aio.Counters;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.QueueWatches;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.concurrent.TimeUnit;

/**
 * A memory balloon, served by an I/O thread that it may share.
 * <p>The memory that its driver is given must be {@linkplain dev.miraflores.memory.GuestMemory#discardable discardable}.
 * <p>Thread: as {@link VirtioDevice} says; the queues belong to the I/O thread from {@code activate} to {@code reset}. What is
 * not of that interface, any thread but for the I/O thread.
 * <p>Lifetime: to be closed before its I/O thread.
 * <p>Source: virtio 1.3 §5.5.
 */
public final class VirtioBalloonDevice implements VirtioDevice {

    private static final int QUEUE_SIZE = 128;
    /** Hints are a buffer for each free block of the guest's. */
    private static final int HINTING_QUEUE_SIZE = 1024;

    private final IoThread ioThread;
    private final QueueWatches watches;
    private final long memoryBytes;
    private final BalloonOptions options;
    private final BalloonConfigSpace config = new BalloonConfigSpace();
    private final Counters<BalloonCounter> counters = new Counters<>(BalloonCounter.values().length);
    private final LimitedLog log = new LimitedLog(VirtioBalloonDevice.class, "balloon: ");
    private final BalloonChanges changes;
    private volatile DeviceEvents events;
    private volatile boolean active;
    private volatile long pollingSeconds;
    private volatile BalloonStatistics statistics = BalloonStatistics.NONE;

    // The I/O thread's.
    private StatisticsQueue statisticsQueue;
    private IoTimer pollTimer;
    private HintingRounds hinting;
    private int nextHintingId;

    /**
     * A device that {@code ioThread} will serve.
     *
     * @param memoryBytes what the guest has without a balloon
     */
    public VirtioBalloonDevice(IoThread ioThread, long memoryBytes, BalloonOptions options, BalloonListener listener) {
        this.ioThread = ioThread;
        this.memoryBytes = memoryBytes;
        this.options = options;
        watches = new QueueWatches(ioThread);
        changes = new BalloonChanges(ioThread, this::actualBytes, listener);
    }

    @Override
    public int deviceId() {
        return virtio_abi.VIRTIO_ID_BALLOON;
    }

    @Override
    public long features() {
        long features = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC
            | bit(virtio_abi.VIRTIO_BALLOON_F_MUST_TELL_HOST) | bit(virtio_abi.VIRTIO_BALLOON_F_STATS_VQ)
            | bit(virtio_abi.VIRTIO_BALLOON_F_PAGE_POISON);
        return features | (options.deflateOnOom() ? bit(virtio_abi.VIRTIO_BALLOON_F_DEFLATE_ON_OOM) : 0)
            | (options.freePageHint() ? bit(virtio_abi.VIRTIO_BALLOON_F_FREE_PAGE_HINT) : 0)
            | (options.freePageReporting() ? bit(virtio_abi.VIRTIO_BALLOON_F_REPORTING) : 0);
    }

    private static long bit(int feature) {
        return 1L << feature;
    }

    @Override
    public int queueCount() {
        return options.freePageReporting() ? BalloonQueues.REPORTING + 1
            : options.freePageHint() ? BalloonQueues.HINTING + 1 : BalloonQueues.STATISTICS + 1;
    }

    @Override
    public int maxQueueSize(int index) {
        return index == BalloonQueues.HINTING ? HINTING_QUEUE_SIZE : QUEUE_SIZE;
    }

    @Override
    public int configByteSize() {
        return BalloonConfigSpace.BYTES;
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        return config.read(offset, byteSize);
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        config.write(offset, byteSize, value);
        changes.changed();
    }

    @Override
    public void activate(VirtioActivation activation) {
        ioThread.call(() -> start(activation));
    }

    private void start(VirtioActivation activation) {
        events = activation.events();
        BalloonQueues queues = BalloonQueues.of(activation);
        BalloonPages pages = new BalloonPages(activation.memory(), activation.has(virtio_abi.VIRTIO_BALLOON_F_MUST_TELL_HOST),
            counters, log);
        pollTimer = pollTimer != null ? pollTimer : ioThread.timer(this::poll);
        if (queues.inflate() != null) {
            watches.add(queues.inflate(), new PageFrameQueue(queues.inflate(), events, pages, counters, true));
        }
        if (queues.deflate() != null) {
            watches.add(queues.deflate(), new PageFrameQueue(queues.deflate(), events, pages, counters, false));
        }
        if (queues.statistics() != null) {
            statisticsQueue = new StatisticsQueue(queues.statistics(), events, this::told);
            watches.add(queues.statistics(), statisticsQueue);
        }
        if (queues.hinting() != null) {
            hinting = new HintingRounds(config, counters, events, ioThread, nextHintingId);
            watches.add(queues.hinting(), new HintingQueue(queues.hinting(), events, config, counters, hinting::end));
        }
        if (queues.reporting() != null) {
            boolean poisoned = activation.has(virtio_abi.VIRTIO_BALLOON_F_PAGE_POISON);
            watches.add(queues.reporting(), new ReportingQueue(queues.reporting(), events, pages, config, poisoned, counters));
        }
        active = true;
    }

    @Override
    public void reset() {
        if (active) {
            watches.close();
            ioThread.call(this::stop);
        }
    }

    private void stop() {
        active = false;
        pollTimer.cancel();
        statisticsQueue = null;
        if (hinting != null) {
            hinting.stop();
            nextHintingId = hinting.nextId();
            hinting = null;
        }
        config.reset();
        changes.changed();
    }

    @Override
    public void close() {
        reset();
        ioThread.call(changes::close);
    }

    /**
     * Asks the guest to leave itself no more than {@code bytes}, by giving the rest to the balloon. It does so as far and as soon
     * as it can; {@link #actualBytes} tells.
     *
     * @param bytes more than 0; what is beyond its memory is all of it
     */
    public void setTargetBytes(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("a guest with memory of " + bytes + " bytes");
        }
        long pages = Math.min(memoryBytes - Math.min(bytes, memoryBytes) >>> BalloonPages.PAGE_SHIFT, 0xFFFF_FFFFL);
        DeviceEvents driver = events;
        if (driver != null) {
            driver.changeConfig(() -> config.setWantedPages((int) pages));
            return;
        }
        config.setWantedPages((int) pages);
        // A driver that has come meanwhile may have looked before that.
        driver = events;
        if (driver != null) {
            driver.configChanged();
        }
    }

    /** What the guest is asked to have. */
    public long targetBytes() {
        return memoryBytes - (config.wantedPages() << BalloonPages.PAGE_SHIFT);
    }

    /** What the guest has, as its driver says: all memory without what is in the balloon. */
    public long actualBytes() {
        return Math.max(0, memoryBytes - (config.actualPages() << BalloonPages.PAGE_SHIFT));
    }

    /** What the guest has without a balloon. */
    public long memoryBytes() {
        return memoryBytes;
    }

    /** Whether a driver is at work. */
    public boolean isActive() {
        return active;
    }

    public Counters<BalloonCounter> counters() {
        return counters;
    }

    /** What the guest told last. */
    public BalloonStatistics statistics() {
        return statistics;
    }

    /** How often the guest is asked for statistics, in seconds; 0 for never. */
    public long pollingSeconds() {
        return pollingSeconds;
    }

    /** Asks the guest for statistics now, and so many seconds after each answer; 0 asks no more. */
    public void setPollingSeconds(long seconds) {
        if (seconds < 0 || seconds > 0xFFFF_FFFFL) {
            throw new IllegalArgumentException("statistics every " + seconds + " seconds");
        }
        if (seconds == pollingSeconds) {
            return;
        }
        boolean first = pollingSeconds == 0;
        pollingSeconds = seconds;
        ioThread.execute(() -> setPolling(seconds, first));
    }

    private void setPolling(long seconds, boolean now) {
        if (!active) {
            return; // the driver's first buffer will set the timer
        }
        if (seconds == 0) {
            pollTimer.cancel();
        } else {
            pollTimer.set(System.nanoTime() + (now ? 0 : TimeUnit.SECONDS.toNanos(seconds)));
        }
    }

    private void poll() {
        if (statisticsQueue != null) {
            statisticsQueue.ask();
        }
    }

    private void told(BalloonStatistics news) {
        statistics = news;
        if (pollingSeconds > 0) {
            pollTimer.set(System.nanoTime() + TimeUnit.SECONDS.toNanos(pollingSeconds));
        }
    }

    /**
     * Begins a round of hinting: the guest tells what is free, which {@link BalloonCounter#HINTED_BYTES} counts. It holds on to
     * that until the round is over, in some moments or in 30 seconds.
     *
     * @return false where one is under way, or the driver does not hint
     */
    public boolean beginHinting() {
        boolean[] begun = new boolean[1];
        ioThread.call(() -> begun[0] = hinting != null && hinting.begin());
        return begun[0];
    }

    /** Whether a round of hinting is under way. */
    public boolean isHinting() {
        return config.hintCommand() > virtio_abi.VIRTIO_BALLOON_CMD_ID_DONE;
    }
}
