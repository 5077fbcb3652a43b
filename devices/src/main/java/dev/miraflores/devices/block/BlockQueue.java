// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.Counters;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.PolledSource;
import dev.miraflores.aio.Watch;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Mapping;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;

/**
 * One queue of a disk from DRIVER_OK to reset: takes chains, makes requests of them, gives them back.
 * <p>Thread: the queue's I/O thread, but for {@link #start} and {@link #stop}, any.
 * <p>Lifetime: {@code start}, then {@code stop}, after which nothing of it touches guest memory any more.
 */
final class BlockQueue implements PolledSource {

    private final IoThread thread;
    private final BlockBackend backend;
    private final BlockConfigSpace config;
    private final MemorySegment idBytes;
    private final LimitedLog log;
    private final BlockCounters counters;
    private final Counters<BlockCounter> requests;

    private final VirtioActivation activation;
    private final DeviceQueue queue;
    private final Virtqueue ring;
    private final GuestMemory memory;
    private final LinkOptions linkOptions;
    private final long capacity;
    private final boolean readOnly;
    private final boolean driverFlushes;

    private final Mapping iovecs;
    private final BlockRequest[] free;
    private int freeCount;
    /** Requests that a bug swallowed: nobody will complete them. */
    private int lostCount;
    private boolean submitting;
    private final CountDownLatch stopped = new CountDownLatch(1);

    private BlockLink link;
    private Watch watch;
    private boolean eventsEnabled;
    private boolean answered;
    private boolean stopping;
    private boolean broken;

    BlockQueue(
            BlockDisk disk, IoThread thread, BlockCounters counters, VirtioActivation activation, DeviceQueue queue,
            IoMemory ioMemory) {
        this.thread = thread;
        this.backend = disk.backend();
        this.config = disk.config();
        this.idBytes = disk.idBytes();
        this.log = disk.log();
        this.counters = counters;
        this.requests = counters.requests();
        this.activation = activation;
        this.queue = queue;
        this.ring = queue.ring();
        this.memory = activation.memory();
        this.capacity = backend.byteSize() >>> BlockConfigSpace.SECTOR_SHIFT;
        this.readOnly = backend.isReadOnly();
        this.driverFlushes = activation.has(VirtioBlockDevice.F_FLUSH);
        this.linkOptions = new LinkOptions(ioMemory, ring.size(), disk.registerMemory(), counters.engine());

        // One request per chain that can be in flight, each with room for the longest chain: touched only when used.
        int slots = ring.size();
        long slotBytes = (long) BlockIo.IOVEC_BYTES * ring.size();
        this.iovecs = Mapping.anonymous(slotBytes * slots, Mapping.MAP_NORESERVE);
        this.free = new BlockRequest[slots];
        for (int i = 0; i < slots; i++) {
            free[i] = new BlockRequest(this, iovecs.segment().asSlice(slotBytes * i, slotBytes));
        }
        this.freeCount = slots;
    }

    /** Begins to look after the queue, soon. */
    void start() {
        thread.execute(new Start());
    }

    // Named classes, since a lambda's first use costs milliseconds, and these are used while a guest boots.
    private final class Start implements Runnable {
        @Override
        public void run() {
            startOnThread();
        }
    }

    private final class Stop implements Runnable {
        @Override
        public void run() {
            stopOnThread();
        }
    }

    private final class Release implements Runnable {
        @Override
        public void run() {
            release();
        }
    }

    private void startOnThread() {
        try {
            link = backend.attach(thread, linkOptions);
            watch = thread.watch(queue.kick(), this);
        } catch (RuntimeException | Error e) {
            onFailure(e);
        }
    }

    /** Stops taking chains, lets requests in flight finish, and waits for that. */
    void stop() {
        try {
            thread.execute(new Stop());
        } catch (RejectedExecutionException e) {
            // The thread has ended, which it does only with nothing in flight, and taken its links along.
            iovecs.close();
            stopped.countDown();
        }
        boolean interrupted = false;
        while (true) {
            try {
                stopped.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void stopOnThread() {
        stopping = true;
        unwatch();
        if (inFlight() == 0) {
            release();
        }
    }

    private void unwatch() {
        if (watch != null) {
            watch.close();
            watch = null;
        }
    }

    private void release() {
        if (stopped.getCount() != 0) {
            if (link != null) {
                link.close();
            }
            iovecs.close();
            stopped.countDown();
        }
    }

    private int inFlight() {
        return free.length - freeCount - lostCount;
    }

    @Override
    public boolean hasWork() {
        return ring.hasAvailable();
    }

    @Override
    public boolean poll() {
        int taken = 0;
        // At most a queue's worth, whatever the driver adds meanwhile: then completions and messages get their turn.
        for (int budget = ring.size(); taken < budget; taken++) {
            DescriptorChain chain = ring.popChain();
            if (chain == null) {
                break;
            }
            if (eventsEnabled) {
                eventsEnabled = false;
                ring.disableNotifications();
            }
            take(chain);
        }
        if (ring.fault() != null) {
            breakQueue();
        }
        return taken != 0;
    }

    private void take(DescriptorChain chain) {
        if (chain.fault() != null) {
            counters.driverFaults().increment(chain.fault());
            giveBackMalformed(chain.head());
            return;
        }
        BlockRequest request = free[--freeCount];
        switch (request.parse(chain, memory, capacity, readOnly)) {
            case SUBMIT -> {
                request.setDurable(!(driverFlushes && config.writeback()));
                submitting = true;
                link.submit(request);
                submitting = false;
            }
            case GET_ID -> {
                requests.increment(BlockCounter.GET_IDS);
                chain.write(0, idBytes, 0, request.idBytes());
                answer(request, BlockStatus.OK);
            }
            case DONE -> answer(request, BlockStatus.OK);
            case REFUSED -> {
                requests.increment(BlockCounter.REFUSED);
                counters.faults().increment(request.fault());
                answer(request, BlockStatus.IOERR);
            }
            case UNSUPPORTED -> {
                requests.increment(BlockCounter.UNSUPPORTED);
                answer(request, BlockStatus.UNSUPP);
            }
            case MALFORMED -> {
                counters.faults().increment(request.fault());
                free[freeCount++] = request;
                giveBackMalformed(request.head());
            }
        }
    }

    private void giveBackMalformed(int head) {
        requests.increment(BlockCounter.MALFORMED);
        log.log(System.Logger.Level.WARNING, "the driver made a malformed request; the counters say of what kind");
        ring.addUsed(head, 0);
        answered = true;
    }

    private void answer(BlockRequest request, BlockStatus status) {
        int writtenBytes = request.answer(status);
        free[freeCount++] = request;
        ring.addUsed(request.head(), writtenBytes);
        answered = true;
    }

    void onComplete(BlockRequest request, int result) {
        count(request, result);
        if (broken) {
            free[freeCount++] = request;
        } else {
            answer(request, result == 0 ? BlockStatus.OK : BlockStatus.IOERR);
        }
        if (stopping && inFlight() == 0) {
            thread.execute(new Release()); // not here, with the link's own methods still under way
        }
    }

    private void count(BlockRequest request, int result) {
        switch (request.operation()) {
            case READ -> {
                requests.increment(result == 0 ? BlockCounter.READS : BlockCounter.READ_ERRORS);
                requests.add(BlockCounter.READ_BYTES, result == 0 ? request.byteCount() : 0);
            }
            case WRITE -> {
                requests.increment(result == 0 ? BlockCounter.WRITES : BlockCounter.WRITE_ERRORS);
                requests.add(BlockCounter.WRITTEN_BYTES, result == 0 ? request.byteCount() : 0);
            }
            case FLUSH -> requests.increment(result == 0 ? BlockCounter.FLUSHES : BlockCounter.FLUSH_ERRORS);
            case DISCARD, WRITE_ZEROES -> throw new IllegalStateException("not offered: " + request.operation());
        }
        if (result != 0) {
            logError(request, result);
        }
    }

    private void logError(BlockRequest request, int result) {
        if (request.operation() == Operation.FLUSH) {
            log.log(System.Logger.Level.WARNING, "flush failed: " + Errno.name(-result));
        } else {
            log.log(System.Logger.Level.WARNING, (request.operation() == Operation.READ ? "read of " : "write of ")
                + request.byteCount() + " bytes at offset " + request.offset() + " failed: " + Errno.name(-result));
        }
    }

    @Override
    public boolean enableEvents() {
        if (eventsEnabled) {
            return false; // asked already, and nothing has been taken since
        }
        eventsEnabled = true;
        return ring.enableNotifications();
    }

    @Override
    public void endTurn() {
        if (answered) {
            answered = false;
            requests.increment(BlockCounter.BATCHES);
            if (ring.needsNotification()) {
                requests.increment(BlockCounter.INTERRUPTS);
                queue.interrupt().run();
            }
        }
    }

    /** The driver has put the queue itself out of order: this disk needs a reset (§2.1.2). */
    private void breakQueue() {
        counters.driverFaults().increment(ring.fault());
        endTurn();
        fail("the driver broke queue " + queue.index() + ", " + ring.fault() + "; the disk needs a reset", null);
    }

    /** A bug of ours, which ends this disk and nothing else. */
    @Override
    public void onFailure(Throwable bug) {
        if (submitting) {
            submitting = false;
            lostCount++;
        }
        fail("internal error; the disk needs a reset", bug);
    }

    /** As {@link #onFailure}, when a request had come back from the engine. */
    void onRequestFailure(Throwable bug) {
        lostCount++;
        fail("internal error; the disk needs a reset", bug);
        if (stopping && inFlight() == 0) {
            thread.execute(new Release());
        }
    }

    private void fail(String what, Throwable bug) {
        if (broken) {
            return;
        }
        broken = true;
        log.log(System.Logger.Level.ERROR, what, bug);
        unwatch();
        activation.events().needsReset();
    }
}
