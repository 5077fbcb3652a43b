// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.util.Arrays;

/**
 * Clusters that nothing in memory points to any more, on their way to being free.
 * <p>Their refcounts go down, and what reaches 0 is given back to the file and may be used anew, only when nothing on disk
 * points to them either, which the end of a commit says, and when each transfer that began while something did is over: else
 * a late write of the guest's would land in what is somebody else's by then. For the latter, transfers are counted by
 * epochs; the end of a commit begins a new one, and the clusters wait for the old one to run out.
 */
final class FreedClusters extends Task {

    private enum State { IDLE, EPOCH, NEXT, PUNCHED, RELEASE }

    private static final int MIN_CAPACITY = 64;
    /** So many are not kept waiting for a flush. */
    private static final int COMMIT_THRESHOLD = 4096;

    private final Metadata metadata;
    private final Geometry geometry;

    /** Runs that gather: first clusters and counts. */
    private long[] gathered = new long[2 * MIN_CAPACITY];
    private int gatheredEnd;
    /** Those of the commit under way, and behind it. */
    private long[] committed = new long[2 * MIN_CAPACITY];
    private int committedEnd;
    private int position;

    private State state = State.IDLE;
    private boolean committing;
    private long first;
    private int count;

    FreedClusters(Metadata metadata) {
        super(metadata.memory.iovecs());
        this.metadata = metadata;
        this.geometry = metadata.geometry;
    }

    /** One reference to {@code cluster} is gone, in memory. */
    void add(long cluster) {
        int last = gatheredEnd - 2;
        if (last >= 0 && gathered[last] + gathered[last + 1] == cluster) {
            gathered[last + 1]++;
            return;
        }
        if (gatheredEnd == gathered.length) {
            gathered = Arrays.copyOf(gathered, 2 * gathered.length);
        }
        gathered[gatheredEnd++] = cluster;
        gathered[gatheredEnd++] = 1;
        if (gatheredEnd == 2 * COMMIT_THRESHOLD) {
            metadata.committer.want();
        }
    }

    boolean isEmpty() {
        return gatheredEnd == 0 && state == State.IDLE && position == committedEnd;
    }

    /** The commit that begins takes along what has gathered, unless those before are not done yet. */
    void beginCommit() {
        if (state != State.IDLE || gatheredEnd == 0 && position == committedEnd) {
            return;
        }
        committing = true;
        if (position == committedEnd) {
            long[] swap = committed;
            committed = gathered;
            committedEnd = gatheredEnd;
            position = 0;
            gathered = swap;
            gatheredEnd = 0;
        }
    }

    boolean isCommitting() {
        return committing;
    }

    void endCommit(boolean success) {
        if (!committing) {
            return;
        }
        committing = false;
        // Without success they wait for the next commit.
        if (success) {
            state = State.EPOCH;
            if (metadata.endEpoch()) {
                epochEnded();
            }
        }
    }

    /** No transfer is left that might be to or from the clusters. */
    void epochEnded() {
        if (state == State.EPOCH) {
            state = State.NEXT;
            run(0);
        }
    }

    @Override
    void step() {
        if (state == State.PUNCHED) {
            // That its storage could not be given back matters to nobody.
            state = State.RELEASE;
            release();
        } else if (outcome() < 0 || state == State.NEXT && position == committedEnd) {
            // After an error they stay: a commit that succeeds tries again.
            state = State.IDLE;
        } else if (state == State.RELEASE) {
            release();
        } else {
            next();
        }
    }

    private void next() {
        long cluster = committed[position];
        if (cluster >>> geometry.refcountBlockBits >= metadata.reftable.size()
                || (metadata.reftable.get(cluster >>> geometry.refcountBlockBits)
                    & Qcow2Layout.REFCOUNT_TABLE_MASK) == 0) {
            metadata.corrupted("cluster " + cluster + " was in use and has no refcount");
            skip(1);
            return;
        }
        int slot = metadata.allocator.slot(cluster, this);
        if (slot == WAIT) {
            return;
        }
        if (slot < 0) {
            skip(1);
            return;
        }
        SliceCache cache = metadata.refcounts;
        int within = metadata.allocator.within(cluster);
        long refcount = metadata.widths.get(cache.memory, cache.base(slot), within);
        if (refcount == 0) {
            metadata.corrupted("cluster " + cluster + " was in use and has a refcount of 0");
            skip(1);
        } else if (refcount != 1) {
            metadata.widths.set(cache.memory, cache.base(slot), within, refcount - 1);
            cache.markDirty(slot);
            skip(1);
        } else {
            punch(cluster, slot, within);
        }
    }

    private void skip(int clusters) {
        committed[position] += clusters;
        committed[position + 1] -= clusters;
        if (committed[position + 1] == 0) {
            position += 2;
        }
        goOn();
    }

    /** Gives the run's storage back, as far as it is in the same slice and nobody else's. */
    private void punch(long cluster, int slot, int within) {
        SliceCache cache = metadata.refcounts;
        int most = (int) Math.min(committed[position + 1], (1 << geometry.refcountSliceBits) - within);
        first = cluster;
        count = 1;
        while (count < most && metadata.widths.get(cache.memory, cache.base(slot), within + count) == 1) {
            count++;
        }
        state = State.PUNCHED;
        beginRange(Operation.DISCARD, cluster << geometry.clusterBits, (long) count << geometry.clusterBits, true);
        metadata.submit(this);
    }

    /** The range may be used again. */
    private void release() {
        int slot = metadata.allocator.slot(first, this);
        if (slot == WAIT) {
            return;
        }
        if (slot >= 0) {
            SliceCache cache = metadata.refcounts;
            int within = metadata.allocator.within(first);
            for (int i = 0; i < count; i++) {
                metadata.widths.set(cache.memory, cache.base(slot), within + i, 0);
                metadata.tableClusters.remove(first + i);
            }
            cache.markDirty(slot);
            metadata.l2.drop(first << geometry.clusterBits, (long) count << geometry.clusterBits);
            metadata.allocator.freeAt(first);
        }
        state = State.NEXT;
        skip(count);
    }

    @Override
    protected void onFailure(Throwable bug) {
        metadata.failed(bug);
    }
}
