// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockIoQueue;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Slices of tables of one kind, found by their offset in the image. A slice that was changed stays until it has been
 * written; others give way to new ones, those first that were not used since the last look (the clock algorithm).
 * <p>Thread: the image's I/O thread.
 */
final class SliceCache {

    static final int NONE = -1;

    private enum State { EMPTY, LOADING, READY }

    final MemorySegment memory;
    private final int sliceBytes;
    private final int slots;

    private final long[] offsets;
    private final State[] states;
    private final boolean[] used;
    private final boolean[] dirty;
    private final boolean[] writing;
    private final BlockIoQueue[] waiters;

    /** Chains of slots with the same hash. */
    private final int[] heads;
    private final int[] nexts;

    private int hand;
    private int dirtyCount;

    SliceCache(MemorySegment memory, int sliceBytes) {
        this.memory = memory;
        this.sliceBytes = sliceBytes;
        this.slots = (int) (memory.byteSize() / sliceBytes);
        offsets = new long[slots];
        states = new State[slots];
        Arrays.fill(states, State.EMPTY);
        used = new boolean[slots];
        dirty = new boolean[slots];
        writing = new boolean[slots];
        waiters = new BlockIoQueue[slots];
        heads = new int[Integer.highestOneBit(slots) << 1];
        Arrays.fill(heads, NONE);
        nexts = new int[slots];
    }

    int slots() {
        return slots;
    }

    private int bucket(long offset) {
        long mixed = offset * 0x9E37_79B9_7F4A_7C15L;
        return (int) (mixed >>> 40) & heads.length - 1;
    }

    /** The slot of a slice that is here, or on its way here; or {@link #NONE}. */
    int find(long offset) {
        for (int slot = heads[bucket(offset)]; slot != NONE; slot = nexts[slot]) {
            if (offsets[slot] == offset) {
                used[slot] = true;
                return slot;
            }
        }
        return NONE;
    }

    boolean isReady(int slot) {
        return states[slot] == State.READY;
    }

    /** Those who wait for a slice that is on its way here. */
    BlockIoQueue waiters(int slot) {
        if (waiters[slot] == null) {
            waiters[slot] = new BlockIoQueue();
        }
        return waiters[slot];
    }

    /** Makes room for a slice that will be loaded; {@link #NONE} where all that is here has to stay for now. */
    int take(long offset) {
        for (int tries = 0; tries < 2 * slots; tries++) {
            int slot = hand;
            hand = hand + 1 == slots ? 0 : hand + 1;
            if (states[slot] == State.LOADING || dirty[slot] || writing[slot]) {
                continue;
            }
            if (states[slot] == State.READY && used[slot]) {
                used[slot] = false;
                continue;
            }
            if (states[slot] == State.READY) {
                unlink(slot);
            }
            offsets[slot] = offset;
            states[slot] = State.LOADING;
            used[slot] = true;
            int bucket = bucket(offset);
            nexts[slot] = heads[bucket];
            heads[bucket] = slot;
            return slot;
        }
        return NONE;
    }

    private void unlink(int slot) {
        int bucket = bucket(offsets[slot]);
        if (heads[bucket] == slot) {
            heads[bucket] = nexts[slot];
        } else {
            int before = heads[bucket];
            while (nexts[before] != slot) {
                before = nexts[before];
            }
            nexts[before] = nexts[slot];
        }
    }

    /** What was on its way is here, or will not come. */
    void loaded(int slot, boolean success) {
        if (success) {
            states[slot] = State.READY;
        } else {
            unlink(slot);
            states[slot] = State.EMPTY;
        }
    }

    /** Forgets what lies in a range of the image that is no table any more. */
    void drop(long offset, long byteCount) {
        for (long each = offset; each < offset + byteCount; each += sliceBytes) {
            int slot = find(each);
            if (slot != NONE && states[slot] == State.READY && !writing[slot]) {
                clearDirty(slot);
                unlink(slot);
                states[slot] = State.EMPTY;
            }
        }
    }

    long offset(int slot) {
        return offsets[slot];
    }

    /** Where the slice begins in {@link #memory}. */
    long base(int slot) {
        return (long) slot * sliceBytes;
    }

    boolean isDirty(int slot) {
        return dirty[slot];
    }

    int dirtyCount() {
        return dirtyCount;
    }

    void markDirty(int slot) {
        if (!dirty[slot]) {
            dirty[slot] = true;
            dirtyCount++;
        }
    }

    private void clearDirty(int slot) {
        if (dirty[slot]) {
            dirty[slot] = false;
            dirtyCount--;
        }
    }

    /** The slice as it is now is on its way out; what is changed from now on has to be written again. */
    void beginWrite(int slot) {
        clearDirty(slot);
        writing[slot] = true;
    }

    void endWrite(int slot, boolean success) {
        writing[slot] = false;
        if (!success) {
            markDirty(slot);
        }
    }
}
