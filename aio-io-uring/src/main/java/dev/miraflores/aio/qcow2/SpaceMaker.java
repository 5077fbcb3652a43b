// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.linux.Errno;
import java.lang.foreign.MemorySegment;

/**
 * Makes what an allocation needs: a longer file, a refcount block, a larger refcount table. One at a time; all who need any
 * wait, and look again.
 * <p>A new block is written, its own refcount in it, before the table in memory points to it; a commit writes the table
 * after a sync. A table that has to grow is written anew to a place behind all that it covered, together with the blocks
 * that cover the new place; then the header points to it, in one sector. Until then the old one holds.
 * <p>Where writing the header, or the sync behind it, fails, nobody knows which table it points to. Both are right then, as
 * long as neither is changed and nothing is put where the new one is: that is so until the header has been written after all,
 * which is tried before anything else here that changes a table, and when the image is closed.
 */
final class SpaceMaker extends Task {

    private enum State { IDLE, EXTEND, BLOCK, GROW_BLOCKS, GROW_TABLE, GROW_SYNC, GROW_HEADER, GROW_HEADER_SYNC, GROW_DONE }

    /** A file is made longer by at least that much, so that it is not done often. */
    private static final long EXTEND_BYTES = 4L << 20;
    private static final int PAGE_BYTES = 4096;
    /** Of the header: offset and clusters of the refcount table. */
    private static final int HEADER_PART_BYTES = 12;

    private final Metadata metadata;
    private final Geometry geometry;
    private final boolean growable;
    private final MemorySegment scratch;
    private final MemorySegment headerPart;
    private final BlockIoQueue waiters = new BlockIoQueue();

    private State state = State.IDLE;
    private Task initiator;
    private long targetBytes;
    /** The cluster that a block, or a table's new place, is at. */
    private long cluster;

    private long[] newEntries;
    private int firstBlock;
    private int newBlocks;
    private int newTableClusters;
    private int done;
    /** The header may point to the new table, and may not. */
    private boolean unsure;

    SpaceMaker(Metadata metadata, boolean growable) {
        super(metadata.memory.iovecs());
        this.metadata = metadata;
        this.geometry = metadata.geometry;
        this.growable = growable;
        this.scratch = metadata.memory.spaceScratch;
        this.headerPart = metadata.memory.small(HEADER_PART_BYTES);
    }

    /** Whether the file can be made longer. */
    boolean isGrowable() {
        return growable;
    }

    private boolean begin(State first, Task waiter) {
        if (state != State.IDLE) {
            waiters.add(waiter);
            return false;
        }
        state = first;
        initiator = waiter;
        return true;
    }

    /** Makes the file at least {@code byteSize} long. */
    int extend(long byteSize, Task waiter) {
        if (!growable) {
            return -Errno.ENOSPC;
        }
        if (begin(State.EXTEND, waiter)) {
            long step = Math.max(EXTEND_BYTES, geometry.clusterBytes);
            targetBytes = geometry.roundUp(Math.max(byteSize, metadata.fileBytes() + step));
            targetBytes = targetBytes + PAGE_BYTES - 1 & -PAGE_BYTES;
            int last = Math.min(PAGE_BYTES, geometry.clusterBytes);
            begin(Operation.WRITE, targetBytes - last);
            addBuffer(metadata.memory.zeroes.address(), last);
            metadata.submit(this);
        }
        return WAIT;
    }

    /** Whether the file may be needed up to where a new table is that is not installed. */
    boolean isUnsure() {
        return unsure;
    }

    /** Writes the header that could not be written: {@code waiter} goes on when it has been, or with the error. */
    int settle(Task waiter) {
        if (begin(State.GROW_HEADER, waiter)) {
            writeHeader();
        }
        return WAIT;
    }

    /** Makes the refcount block that covers {@code at}, which lies there itself. */
    int makeBlock(long at, Task waiter) {
        if (unsure) {
            return settle(waiter);
        }
        if (metadata.tableClusters.contains(at)) {
            return metadata.corrupted("cluster " + at + " holds a table and has no refcount");
        }
        if (!growable && (at + 1 << geometry.clusterBits) > metadata.fileBytes()) {
            return -Errno.ENOSPC;
        }
        if (begin(State.BLOCK, waiter)) {
            cluster = at;
            fillBlock(at >>> geometry.refcountBlockBits, at, at + 1);
            writeScratch(at);
        }
        return WAIT;
    }

    /** Makes the refcount table large enough for {@code at}, where it goes. */
    int growTable(long at, Task waiter) {
        if (!growable) {
            return -Errno.ENOSPC;
        }
        if (unsure) {
            return settle(waiter);
        }
        long first = at >>> geometry.refcountBlockBits;
        int blocks = 1;
        long entries;
        long tableClusters;
        while (true) {
            entries = Math.max(first + blocks, metadata.reftable.size() * 3L / 2);
            tableClusters = geometry.clusters(entries * Qcow2Layout.ENTRY_BYTES);
            long end = at + blocks + tableClusters;
            long needed = (end - 1 >>> geometry.refcountBlockBits) - first + 1;
            if (needed <= blocks) {
                break;
            }
            blocks = (int) needed;
        }
        if (tableClusters << geometry.clusterBits > Qcow2Layout.MAX_REFCOUNT_TABLE_BYTES) {
            return -Errno.EFBIG;
        }
        for (long each = at; each < at + blocks + tableClusters; each++) {
            if (metadata.tableClusters.contains(each)) {
                return metadata.corrupted("cluster " + each + " holds a table and has no refcount");
            }
        }
        if (begin(State.GROW_BLOCKS, waiter)) {
            cluster = at;
            firstBlock = (int) first;
            newBlocks = blocks;
            newTableClusters = (int) tableClusters;
            newEntries = metadata.reftable.copy((int) (tableClusters << geometry.clusterBits - 3));
            for (int i = 0; i < blocks; i++) {
                newEntries[firstBlock + i] = at + i << geometry.clusterBits;
            }
            done = 0;
            writeNext();
        }
        return WAIT;
    }

    /** Refcounts of block {@code index}: 1 from {@code from} up to {@code end}, 0 elsewhere. */
    private void fillBlock(long index, long from, long end) {
        scratch.fill((byte) 0);
        long start = index << geometry.refcountBlockBits;
        long blockEnd = start + (1L << geometry.refcountBlockBits);
        for (long each = Math.max(start, from); each < Math.min(blockEnd, end); each++) {
            metadata.widths.set(scratch, 0, (int) (each - start), 1);
        }
    }

    private void writeScratch(long toCluster) {
        begin(Operation.WRITE, toCluster << geometry.clusterBits);
        addBuffer(scratch.address(), geometry.clusterBytes);
        metadata.submit(this);
    }

    @Override
    void step() {
        if (outcome() < 0) {
            unsure |= state == State.GROW_HEADER || state == State.GROW_HEADER_SYNC;
            end(outcome());
            return;
        }
        switch (state) {
            case EXTEND -> {
                metadata.fileHas(targetBytes);
                end(0);
            }
            case BLOCK -> {
                if (!isFrozen()) {
                    metadata.fileHas(cluster + 1 << geometry.clusterBits);
                    installBlock((int) (cluster >>> geometry.refcountBlockBits), cluster);
                    end(0);
                }
            }
            case GROW_BLOCKS, GROW_TABLE -> {
                done++;
                writeNext();
            }
            case GROW_SYNC -> writeHeader();
            case GROW_HEADER -> {
                state = State.GROW_HEADER_SYNC;
                begin(Operation.FLUSH, 0);
                metadata.submit(this);
            }
            case GROW_HEADER_SYNC, GROW_DONE -> {
                state = State.GROW_DONE;
                if (!isFrozen()) {
                    installTable();
                    end(0);
                }
            }
            default -> throw new IllegalStateException("space " + state);
        }
    }

    private boolean isFrozen() {
        if (metadata.committer.isFrozen()) {
            metadata.thawWaiters.add(this);
            return true;
        }
        return false;
    }

    private void installBlock(int index, long at) {
        metadata.reftable.set(index, at << geometry.clusterBits);
        metadata.tableClusters.add(at);
        metadata.allocator.noteUsed(at);
    }

    private void writeNext() {
        if (state == State.GROW_BLOCKS && done < newBlocks) {
            fillBlock(firstBlock + done, cluster, cluster + newBlocks + newTableClusters);
            writeScratch(cluster + done);
            return;
        }
        if (state == State.GROW_BLOCKS) {
            state = State.GROW_TABLE;
            done = 0;
        }
        if (done < newTableClusters) {
            Table.copy(newEntries, done << geometry.clusterBits - 3, scratch);
            writeScratch(cluster + newBlocks + done);
        } else {
            state = State.GROW_SYNC;
            begin(Operation.FLUSH, 0);
            metadata.submit(this);
        }
    }

    private void writeHeader() {
        state = State.GROW_HEADER;
        headerPart.set(Metadata.BE64, 0, newTableOffset());
        headerPart.set(Metadata.BE32, 8, newTableClusters);
        begin(Operation.WRITE, Qcow2Layout.REFCOUNT_TABLE_OFFSET);
        addBuffer(headerPart.address(), HEADER_PART_BYTES);
        metadata.submit(this);
    }

    private long newTableOffset() {
        return cluster + newBlocks << geometry.clusterBits;
    }

    private void installTable() {
        long oldFirst = metadata.reftable.offset() >>> geometry.clusterBits;
        long oldClusters = geometry.clusters((long) metadata.reftable.size() * Qcow2Layout.ENTRY_BYTES);
        metadata.fileHas(cluster + newBlocks + newTableClusters << geometry.clusterBits);
        metadata.reftable.moved(newTableOffset(), newEntries);
        for (long each = cluster; each < cluster + newBlocks + newTableClusters; each++) {
            metadata.tableClusters.add(each);
        }
        metadata.allocator.noteUsed(cluster + newBlocks + newTableClusters - 1);
        for (long each = oldFirst; each < oldFirst + oldClusters; each++) {
            metadata.freed.add(each);
        }
        newEntries = null;
        unsure = false;
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
