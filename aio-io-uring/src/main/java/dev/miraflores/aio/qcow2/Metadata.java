// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static dev.miraflores.aio.qcow2.Qcow2Layout.*;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockReturn;
import dev.miraflores.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * All that the links to one image share: its tables, their caches, what is allocated and what has to be written.
 * <p>Metadata come and go through a link of their own to the same file. Whoever needs what is not here yet waits in a queue
 * and looks again; nothing here waits for the disk.
 * <p>Thread: the image's I/O thread; before the first link and after the last, whoever opens and closes it.
 */
final class Metadata implements BlockReturn {

    static final ValueLayout.OfLong BE64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN);
    static final ValueLayout.OfInt BE32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);

    private static final int LOADS = 32;
    private static final int FEATURES_BYTES = 8;

    private static final class Log {
        static final System.Logger LOGGER = System.getLogger(Metadata.class.getName());
    }

    final String path;
    final Geometry geometry;
    final RefcountWidth widths;
    final boolean readOnly;
    final boolean hasBacking;
    final ImageMemory memory;

    final Table l1;
    final Table reftable;
    /** Clusters of the header and of tables of both levels. */
    final ClusterSet tableClusters;

    final SliceCache l2;
    final SliceCache refcounts;
    final Allocator allocator;
    final SpaceMaker space;
    final L2Maker l2Maker;
    final Committer committer;
    final FreedClusters freed;

    /** For a slice to give way, or a way to load one. */
    final BlockIoQueue slotWaiters = new BlockIoQueue();
    /** For tables that are being written to be free to be changed again. */
    final BlockIoQueue thawWaiters = new BlockIoQueue();
    /** For a guest cluster that somebody is allocating. */
    final BlockIoQueue lockWaiters = new BlockIoQueue();

    /** For a {@link CowBuffer}. */
    private final BlockIoQueue cowWaiters = new BlockIoQueue();
    private int idleCowCount;

    final Inflation inflation;

    private final SliceLoad[] idleLoads = new SliceLoad[LOADS];
    private int idleLoadCount = LOADS;

    private ClusterRequest[] locked = new ClusterRequest[16];
    private int lockedCount;

    private long diskBytes;
    /** Bytes that the file certainly has. */
    private long fileBytes;

    /** Transfers to and from clusters, by the epoch in which they began; see {@link FreedClusters}. */
    private final int[] transfers = new int[2];
    private int epoch;

    private boolean corrupt;
    private final long incompatible;
    private final CorruptMark corruptMark;

    private BlockLink link;
    private boolean closing;
    private int inFlight;
    private Runnable onIdle;

    Metadata(String path, Header header, Table l1, Table reftable, ClusterSet tableClusters, boolean readOnly,
            boolean hasBacking, boolean growable, long fileBytes, ImageMemory memory) {
        this.path = path;
        this.geometry = header.geometry();
        this.widths = new RefcountWidth(geometry.refcountOrder);
        this.diskBytes = header.diskBytes();
        this.incompatible = header.incompatible();
        this.readOnly = readOnly;
        this.hasBacking = hasBacking;
        this.memory = memory;
        this.l1 = l1;
        this.reftable = reftable;
        this.tableClusters = tableClusters;
        this.fileBytes = fileBytes;
        this.l2 = new SliceCache(memory.l2Cache, geometry.sliceBytes);
        this.refcounts = new SliceCache(memory.refcountCache, geometry.sliceBytes);
        this.allocator = new Allocator(this, geometry.clusters(fileBytes));
        this.space = new SpaceMaker(this, growable);
        this.l2Maker = new L2Maker(this);
        this.committer = new Committer(this);
        this.freed = new FreedClusters(this);
        this.inflation = new Inflation(memory.inflated);
        this.idleCowCount = memory.cows.length;
        this.corruptMark = new CorruptMark(memory);
        for (int i = 0; i < LOADS; i++) {
            idleLoads[i] = new SliceLoad();
        }
    }

    // ---- the link

    /** From here on metadata go through {@code newLink}. */
    void attach(BlockLink newLink) {
        link = newLink;
        closing = false;
    }

    /**
     * Nobody will ask for anything any more: what goes on by itself is called off, and what is not written stays here.
     *
     * @param idle run when nothing is in flight any more, which may be at once
     */
    void detach(Runnable idle) {
        closing = true;
        onIdle = idle;
        endIfIdle();
    }

    private void endIfIdle() {
        if (closing && inFlight == 0 && onIdle != null) {
            Runnable idle = onIdle;
            onIdle = null;
            idle.run();
        }
    }

    /** Whether there is a link, with nothing in flight. */
    boolean isIdle() {
        return link != null && inFlight == 0;
    }

    /** The link that was given to {@link #attach}, or {@code null}; not to be used any more. */
    BlockLink takeLink() {
        BlockLink taken = link;
        link = null;
        return taken;
    }

    void submit(BlockIo io) {
        if (closing || link == null) {
            io.complete(-Errno.ECANCELED);
            return;
        }
        inFlight++;
        io.onReturn(this);
        link.submit(io);
    }

    @Override
    public void onReturn(BlockIo io, int result) {
        try {
            io.complete(result);
        } finally {
            inFlight--;
            endIfIdle();
        }
    }

    // ---- size

    long diskBytes() {
        return diskBytes;
    }

    /** The disk has become larger, and the L1 table in the file as long as it says now. */
    void grown(long byteSize) {
        diskBytes = byteSize;
        l1.grown((int) Math.max(l1.size(), geometry.l1Entries(byteSize)));
    }

    // ---- slices

    /**
     * The slot of the slice at {@code offset}; or {@link Task#WAIT}, {@code waiter} having been put where it is told when to
     * look again.
     */
    int slice(SliceCache cache, long offset, Task waiter) {
        int slot = cache.find(offset);
        if (slot != SliceCache.NONE) {
            if (cache.isReady(slot)) {
                return slot;
            }
            cache.waiters(slot).add(waiter);
            return Task.WAIT;
        }
        slot = idleLoadCount == 0 ? SliceCache.NONE : cache.take(offset);
        if (slot == SliceCache.NONE) {
            slotWaiters.add(waiter);
            if (cache.dirtyCount() != 0) {
                committer.want();
            }
            return Task.WAIT;
        }
        cache.waiters(slot).add(waiter);
        idleLoads[--idleLoadCount].start(cache, slot);
        return Task.WAIT;
    }

    /** Brings one slice in. */
    private final class SliceLoad extends BlockIo {
        private SliceCache cache;
        private int slot;
        private int loadEpoch;

        SliceLoad() {
            super(memory.iovecs());
        }

        void start(SliceCache into, int intoSlot) {
            cache = into;
            slot = intoSlot;
            loadEpoch = beginTransfer();
            long offset = into.offset(intoSlot);
            long there = Math.min(geometry.sliceBytes, fileBytes - offset);
            MemorySegment slice = into.memory.asSlice(into.base(intoSlot), geometry.sliceBytes);
            if (there < geometry.sliceBytes) {
                slice.asSlice(Math.max(0, there)).fill((byte) 0);
            }
            if (there <= 0) {
                onComplete(0);
                return;
            }
            begin(Operation.READ, offset);
            addBuffer(slice.address(), there);
            submit(this);
        }

        @Override
        protected void onComplete(int result) {
            cache.loaded(slot, result == 0);
            BlockIoQueue waiters = cache.waiters(slot);
            idleLoads[idleLoadCount++] = this;
            endTransfer(loadEpoch);
            Task.wake(waiters, result);
            Task.wake(slotWaiters, 0);
        }

        @Override
        protected void onFailure(Throwable bug) {
            failed(bug);
        }
    }

    /** Whether a table's entry points to a cluster that can be one of a table of the second level. */
    boolean isInFile(long clusterOffset) {
        return (clusterOffset & geometry.clusterMask) == 0 && clusterOffset > 0
            && clusterOffset <= geometry.roundUp(fileBytes) - geometry.clusterBytes;
    }

    long fileBytes() {
        return fileBytes;
    }

    void fileHas(long byteSize) {
        fileBytes = Math.max(fileBytes, byteSize);
    }

    // ---- transfers and epochs

    /** A transfer begins; the answer goes to {@link #endTransfer}. */
    int beginTransfer() {
        transfers[epoch]++;
        return epoch;
    }

    void endTransfer(int begunIn) {
        if (--transfers[begunIn] == 0 && begunIn != epoch) {
            freed.epochEnded();
        }
    }

    /** Answers whether no transfer of the epoch that ends with this is under way. */
    boolean endEpoch() {
        int ended = epoch;
        epoch ^= 1;
        return transfers[ended] == 0;
    }

    // ---- guest clusters that are being allocated

    boolean isLocked(long guestCluster) {
        for (int i = 0; i < lockedCount; i++) {
            if (locked[i].locks(guestCluster)) {
                return true;
            }
        }
        return false;
    }

    void lock(ClusterRequest request) {
        if (lockedCount == locked.length) {
            locked = Arrays.copyOf(locked, 2 * lockedCount);
        }
        locked[lockedCount++] = request;
    }

    void unlock(ClusterRequest request) {
        int i = 0;
        while (locked[i] != request) {
            i++;
        }
        locked[i] = locked[--lockedCount];
        locked[lockedCount] = null;
    }

    // ---- buffers

    /** A buffer to copy through; {@code null} where there is none now, and {@code waiter} has been put into a queue. */
    CowBuffer takeCow(Task waiter) {
        if (idleCowCount == 0) {
            cowWaiters.add(waiter);
            return null;
        }
        return memory.cows[--idleCowCount];
    }

    void giveCow(CowBuffer cow) {
        memory.cows[idleCowCount++] = cow;
        Task.wake(cowWaiters, 0);
    }

    /** Entries were changed: before there is no room for others they are written. */
    void relieve() {
        if (4 * l2.dirtyCount() > 3 * l2.slots()) {
            committer.want();
        }
    }

    /** Nothing has to be written, or will have to be. */
    boolean isClean() {
        return committer.isClean() && freed.isEmpty() && !space.isUnsure() || corrupt;
    }

    // ---- what is wrong

    boolean isCorrupt() {
        return corrupt;
    }

    /** Something in the image contradicts itself: nothing is written to it from now on. Answers −EIO. */
    int corrupted(String what) {
        if (!corrupt) {
            corrupt = true;
            Log.LOGGER.log(System.Logger.Level.ERROR, "drive " + path + ": the image is corrupt: " + what
                + "; nothing more is written to it; repair it with: qemu-img check -r all " + path);
            if (!readOnly && geometry.version >= 3) {
                corruptMark.start();
            }
        }
        return -Errno.EIO;
    }

    /** A bug of ours where no request can be told of it. */
    void failed(Throwable bug) {
        corrupt = true;
        Log.LOGGER.log(System.Logger.Level.ERROR, "drive " + path + ": internal error; nothing more is written to it", bug);
    }

    /** Tells all others: the bit in the header. */
    private final class CorruptMark extends BlockIo {
        private final MemorySegment bytes;

        CorruptMark(ImageMemory memory) {
            super(memory.iovecs());
            this.bytes = memory.small(FEATURES_BYTES);
        }

        void start() {
            bytes.set(BE64, 0, incompatible | INCOMPATIBLE_CORRUPT);
            begin(Operation.WRITE, INCOMPATIBLE_FEATURES);
            addBuffer(bytes.address(), FEATURES_BYTES);
            submit(this);
        }

        @Override
        protected void onComplete(int result) {
            if (result != 0) {
                Log.LOGGER.log(System.Logger.Level.ERROR,
                    "drive " + path + ": cannot be marked as corrupt: " + Errno.name(-result));
            }
        }

        @Override
        protected void onFailure(Throwable bug) {
            failed(bug);
        }
    }

    /** Gives the memory back. */
    void close() {
        inflation.close();
        memory.close();
    }
}
