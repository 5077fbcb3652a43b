// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static dev.miraflores.aio.qcow2.Qcow2Layout.COPIED;
import static dev.miraflores.aio.qcow2.Qcow2Layout.OFFSET_MASK;

import dev.miraflores.aio.BlockIoQueue;

/**
 * Makes an L2 table that is the active L1 table's own: a new one, or a copy of one that a snapshot has too. It is written
 * whole before the L1 table in memory points to it. One at a time; all who need any wait, and look again.
 */
final class L2Maker extends Task {

    private enum State { IDLE, ALLOCATE, COPY, WRITE, INSTALL }

    private final Metadata metadata;
    private final Geometry geometry;
    private final BlockIoQueue waiters = new BlockIoQueue();

    private State state = State.IDLE;
    private Task initiator;
    private int l1Index;
    private long cluster;

    L2Maker(Metadata metadata) {
        super(metadata.memory.iovecs());
        this.metadata = metadata;
        this.geometry = metadata.geometry;
    }

    /** Makes the table for entry {@code index}, which has none, or shares one; answers {@link Task#WAIT}. */
    int make(int index, Task waiter) {
        if (state != State.IDLE) {
            waiters.add(waiter);
        } else {
            state = State.ALLOCATE;
            initiator = waiter;
            l1Index = index;
            run(0);
        }
        return WAIT;
    }

    private long shared() {
        return metadata.l1.get(l1Index) & OFFSET_MASK;
    }

    @Override
    void step() {
        if (outcome() < 0) {
            fail(outcome());
            return;
        }
        switch (state) {
            case ALLOCATE -> allocate();
            case COPY -> write();
            case WRITE, INSTALL -> install();
            default -> throw new IllegalStateException("L2 table " + state);
        }
    }

    private void allocate() {
        int count = metadata.allocator.allocate(1, this);
        if (count == WAIT) {
            return;
        }
        if (count < 0) {
            fail(count);
            return;
        }
        cluster = metadata.allocator.first();
        if (shared() == 0) {
            metadata.memory.l2Scratch.fill((byte) 0);
            write();
        } else {
            state = State.COPY;
            begin(Operation.READ, shared());
            addBuffer(metadata.memory.l2Scratch.address(), geometry.clusterBytes);
            metadata.submit(this);
        }
    }

    private void write() {
        state = State.WRITE;
        begin(Operation.WRITE, cluster << geometry.clusterBits);
        addBuffer(metadata.memory.l2Scratch.address(), geometry.clusterBytes);
        metadata.submit(this);
    }

    private void install() {
        state = State.INSTALL;
        if (metadata.committer.isFrozen()) {
            metadata.thawWaiters.add(this);
            return;
        }
        long old = shared();
        metadata.l1.set(l1Index, cluster << geometry.clusterBits | COPIED);
        metadata.tableClusters.add(cluster);
        if (old != 0) {
            metadata.freed.add(old >>> geometry.clusterBits);
        }
        end(0);
    }

    private void fail(int result) {
        if (state != State.ALLOCATE) {
            metadata.freed.add(cluster);
        }
        end(result);
    }

    private void end(int result) {
        state = State.IDLE;
        Task first = initiator;
        initiator = null;
        first.run(result);
        wake(waiters, 0);
    }

    @Override
    protected void onFailure(Throwable bug) {
        metadata.failed(bug);
    }
}
