// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.Counters;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.PolledSource;
import dev.miraflores.aio.jfr.FlightEvents;
import dev.miraflores.devices.block.BlockRequest.Place;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.linux.Errno;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.Virtqueue;

/**
 * One queue of a disk from DRIVER_OK to reset: takes chains, makes requests of them, gives them back.
 * <p>Thread: the queue's I/O thread. {@link QueueControl} is the way to it for others.
 */
final class BlockQueue implements PolledSource {

    /** Why no requests are taken, as bits. */
    static final int HELD_FOR_CHANGE = 1;
    static final int HELD_BY_PAUSE = 2;

    private final BlockDisk disk;
    private final DiskRun run;
    private final IoThread thread;
    private final BlockConfigSpace config;
    private final BlockCounters counters;
    private final Counters<BlockCounter> requests;
    private final DeviceQueue queue;
    private final Virtqueue ring;
    private final GuestMemory memory;
    private final boolean driverFlushes;
    private final RequestSlots slots;
    private final QueueControl control;

    private DiskRules rules;
    private BlockLink link;
    private int holds;
    private boolean eventsEnabled;
    private boolean answered;
    private boolean stopping;
    private boolean broken;
    /** The one that a link is being given. */
    private BlockRequest submitting;

    BlockQueue(
            DiskRun run, IoThread thread, BlockCounters counters, DeviceQueue queue, DiskRules rules, QueueControl control) {
        this.disk = run.disk();
        this.run = run;
        this.thread = thread;
        this.config = disk.config;
        this.counters = counters;
        this.requests = counters.requests();
        this.queue = queue;
        this.ring = queue.ring();
        this.memory = run.activation().memory();
        this.driverFlushes = run.activation().has(VirtioBlockDevice.F_FLUSH);
        this.rules = rules;
        this.control = control;
        this.slots = new RequestSlots(this, ring.size());
    }

    int index() {
        return queue.index();
    }

    RequestSlots slots() {
        return slots;
    }

    // ---- what QueueControl does with it

    /** Requests go there from now on; nothing is in flight. */
    void setLink(BlockLink first) {
        link = first;
    }

    /** The disk has another size; nothing is in flight. */
    void setByteSize(long byteSize) {
        rules = rules.withByteSize(byteSize);
    }

    /** Takes nothing new for one reason more. */
    void hold(int reason) {
        holds |= reason;
    }

    /** One reason fewer. */
    void letGo(int reason) {
        holds &= ~reason;
    }

    /** Completes what comes back, and nothing else, for good. */
    void stop() {
        stopping = true;
    }

    /** Answers nothing any more, for good. */
    void breakOff() {
        broken = true;
    }

    /** Tries those anew that failed and were held. */
    void retryHeld() {
        for (int left = broken || stopping ? 0 : slots.heldCount(); left > 0; left--) {
            BlockRequest request = slots.takeHeld();
            request.place = Place.LINKS;
            if (isBeyondEnd(request)) {
                answer(request, BlockStatus.IOERR); // the disk has become shorter since
            } else {
                requests.increment(BlockCounter.RETRIED);
                request.restart();
                submit(request);
            }
        }
    }

    private boolean isBeyondEnd(BlockRequest request) {
        return request.offset() + request.byteCount() > rules.sectors() << BlockConfigSpace.SECTOR_SHIFT;
    }

    // ---- requests

    @Override
    public boolean hasWork() {
        return holds == 0 && ring.hasAvailable();
    }

    @Override
    public boolean poll() {
        if (holds != 0) {
            return false;
        }
        int taken = 0;
        // At most a queue's worth, whatever the driver adds meanwhile: then completions and messages get their turn.
        for (int budget = ring.size(); taken < budget && (taken == 0 || !thread.turnEndsSoon()); taken++) {
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
            breakRing();
        }
        return taken != 0;
    }

    private void take(DescriptorChain chain) {
        if (chain.fault() != null) {
            counters.driverFaults().increment(chain.fault());
            giveBackMalformed(chain.head());
            return;
        }
        BlockRequest request = slots.take();
        request.takenNs = thread.turnNanoTime();
        request.clearTimes();
        switch (request.parse(chain, memory, rules)) {
            case SUBMIT -> submit(request);
            case GET_ID -> {
                requests.increment(BlockCounter.GET_IDS);
                chain.write(0, disk.idBytes, 0, request.idBytes());
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
                slots.giveBack(request);
                giveBackMalformed(request.head());
            }
        }
    }

    private void submit(BlockRequest request) {
        request.setDurable(!(driverFlushes && config.writeback()));
        request.place = Place.LINKS;
        BlockRequest outer = submitting;
        submitting = request;
        link.submit(request);
        submitting = outer;
    }

    private void giveBackMalformed(int head) {
        requests.increment(BlockCounter.MALFORMED);
        disk.log.log(System.Logger.Level.WARNING, "the driver made a malformed request; the counters say of what kind");
        ring.addUsed(head, 0);
        answered = true;
    }

    private void answer(BlockRequest request, BlockStatus status) {
        int writtenBytes = request.answer(status);
        slots.giveBack(request);
        ring.addUsed(request.head(), writtenBytes);
        answered = true;
    }

    void onComplete(BlockRequest request, int result) {
        if (request.place != Place.LINKS) {
            onStray(request);
        } else if (result == 0) {
            onSuccess(request);
        } else {
            onError(request, -result);
        }
        control.afterCompletion();
    }

    private void onSuccess(BlockRequest request) {
        if (request.hasRanges() && request.nextRange()) {
            if (stopping || broken) {
                finish(request, BlockStatus.IOERR, -Errno.ECANCELED); // the rest is not done any more
            } else {
                submit(request);
            }
            return;
        }
        switch (request.operation()) {
            case READ -> count(BlockCounter.READS, BlockCounter.READ_BYTES, request);
            case WRITE -> count(BlockCounter.WRITES, BlockCounter.WRITTEN_BYTES, request);
            case FLUSH -> requests.increment(BlockCounter.FLUSHES);
            case DISCARD -> count(BlockCounter.DISCARDS, BlockCounter.DISCARDED_BYTES, request);
            case WRITE_ZEROES -> count(BlockCounter.WRITE_ZEROES, BlockCounter.ZEROED_BYTES, request);
        }
        finish(request, BlockStatus.OK, 0);
    }

    private void count(BlockCounter times, BlockCounter bytes, BlockRequest request) {
        requests.increment(times);
        requests.add(bytes, request.wholeBytes());
    }

    private void onError(BlockRequest request, int errno) {
        requests.increment(errorCounter(request.operation()));
        ErrorPolicy policy = disk.policy(request.operation());
        boolean hold = policy.holds(errno) && !stopping && !broken;
        if (hold) {
            requests.increment(BlockCounter.HELD);
            slots.hold(request);
        }
        disk.ioError(request, errno, hold);
        if (!hold && policy == ErrorPolicy.IGNORE && request.hasRanges() && !stopping && !broken && request.nextRange()) {
            submit(request);
        } else if (!hold) {
            finish(request, policy == ErrorPolicy.IGNORE ? BlockStatus.OK : BlockStatus.IOERR, -errno);
        }
    }

    private static BlockCounter errorCounter(Operation operation) {
        return switch (operation) {
            case READ -> BlockCounter.READ_ERRORS;
            case WRITE -> BlockCounter.WRITE_ERRORS;
            case FLUSH -> BlockCounter.FLUSH_ERRORS;
            case DISCARD -> BlockCounter.DISCARD_ERRORS;
            case WRITE_ZEROES -> BlockCounter.WRITE_ZEROES_ERRORS;
        };
    }

    private void finish(BlockRequest request, BlockStatus status, int result) {
        if (broken) {
            slots.giveBack(request);
            return;
        }
        long latencyNs = thread.turnNanoTime() - request.takenNs;
        counters.latency(request.operation()).record(latencyNs);
        if (latencyNs >= FlightEvents.slowNs()) {
            disk.slowRequest(queue.index(), request, result, latencyNs);
        }
        if (result != 0) {
            request.readNothing(); // also where the error is ignored
        }
        answer(request, status);
    }

    /** Completed when it was not with the links: one that a bug had lost, or a bug. */
    private void onStray(BlockRequest request) {
        if (request.place != Place.LOST) {
            throw new IllegalStateException("a link completed a request twice");
        }
        slots.find(request);
    }

    // ---- turns

    @Override
    public boolean enableEvents() {
        if (eventsEnabled || holds != 0) {
            return false; // asked already, and nothing has been taken since; or nothing would be
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

    // ---- failures

    /** The driver has put the queue itself out of order: this disk needs a reset (§2.1.2). */
    private void breakRing() {
        counters.driverFaults().increment(ring.fault());
        endTurn();
        control.fail("the driver broke queue " + queue.index() + ", " + ring.fault() + "; the disk needs a reset", null);
    }

    /** A bug of ours, or of a stage's, which ends this disk and nothing else. */
    @Override
    public void onFailure(Throwable bug) {
        if (submitting != null) {
            slots.lose(submitting);
            submitting = null;
        }
        control.fail("internal error; the disk needs a reset", bug);
    }

    /** As {@link #onFailure}, when {@code request} had come back from the engine. */
    void onRequestFailure(BlockRequest request, Throwable bug) {
        slots.lose(request);
        control.fail("internal error; the disk needs a reset", bug);
        control.afterCompletion();
    }
}
