// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static dev.miraflores.aio.qcow2.Qcow2Layout.*;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BufferCursor;
import dev.miraflores.aio.qcow2.ClusterMap.Kind;
import dev.miraflores.linux.Errno;
import java.lang.foreign.MemorySegment;

/**
 * One of the guest's requests, in a slot that is used again and again: part after part, each as long as the image has it in
 * one place, or can make it so. What is in place already goes to the file as it is; nothing is allocated for it.
 * <p>A part that has no place of its own yet gets clusters, which are written whole, old bytes around the new ones; then
 * the entries in the L2 table point to them. Meanwhile the guest's clusters are locked against others who want the same.
 */
final class ClusterRequest extends Task {

    private enum State { MAP, MOVED, INFLATE, HEAD, HEAD_FILLED, TAIL, TAIL_FILLED, WRITTEN, LINK, FLUSHED }

    private static final int NO_TRANSFER = -1;

    private final Qcow2Link link;
    private final Metadata metadata;
    private final Geometry geometry;
    private final ClusterMap map;

    private BlockIo guest;
    private State state;
    private long position;
    private long end;
    private boolean finished;
    private int result;

    /** Behind the part under way, or where the next one begins. */
    private final BufferCursor guestBuffers = new BufferCursor();

    /** Of the part under way. */
    private long partBytes;
    private int transfer = NO_TRANSFER;

    // Of a part that gets clusters.
    private long firstGuestCluster;
    private int clusters;
    private long firstCluster;
    private boolean allocated;
    private boolean fresh;
    private int headBytes;
    private int tailBytes;
    private long headEntry;
    private long tailEntry;
    private boolean headHasData;
    private boolean tailHasData;
    private boolean locking;
    private CowBuffer cow;

    private long inflateEntry;
    private int inflateBytes;
    private State afterInflate;

    ClusterRequest(Qcow2Link link, Metadata metadata, MemorySegment iovecs) {
        super(iovecs);
        this.link = link;
        this.metadata = metadata;
        this.geometry = metadata.geometry;
        this.map = new ClusterMap(metadata);
    }

    void start(BlockIo io) {
        guest = io;
        clearTimes();
        position = io.offset();
        end = position + io.byteCount();
        guestBuffers.start(io);
        state = State.MAP;
        if (io.operation() == Operation.DISCARD) {
            position = geometry.roundUp(position);
            end = end == metadata.diskBytes() ? end : end & ~geometry.clusterMask;
        }
        run(0);
    }

    boolean locks(long guestCluster) {
        return guestCluster >= firstGuestCluster && guestCluster < firstGuestCluster + clusters;
    }

    @Override
    void step() {
        if (transfer != NO_TRANSFER) {
            int begunIn = transfer;
            transfer = NO_TRANSFER;
            metadata.endTransfer(begunIn);
        }
        if (outcome() < 0) {
            fail(outcome());
            return;
        }
        switch (state) {
            case MAP -> nextPart();
            case MOVED -> moved(partBytes);
            case INFLATE -> inflate();
            case HEAD -> fillHead();
            case HEAD_FILLED, TAIL -> fillTail();
            case TAIL_FILLED -> writeClusters();
            case WRITTEN, LINK -> linkClusters();
            case FLUSHED -> finish(0);
        }
    }

    private void nextPart() {
        releaseCow();
        switch (guest.operation()) {
            case READ -> read();
            case WRITE -> write();
            case FLUSH -> flush();
            case DISCARD -> discard();
            case WRITE_ZEROES -> zero();
        }
    }

    private void finish(int outcome) {
        result = outcome;
        finished = true;
    }

    private void fail(int error) {
        if (locking) {
            if (allocated) {
                for (int i = 0; i < clusters; i++) {
                    metadata.freed.add(firstCluster + i);
                }
            }
            unlock();
        }
        releaseCow();
        finish(error);
    }

    @Override
    void afterSteps() {
        if (finished) {
            finished = false;
            BlockIo done = guest;
            guest = null;
            done.addTimes(this);
            link.done(this, done, result);
        }
    }

    /** The part is done, however. */
    private void moved(long bytes) {
        position += bytes;
        state = State.MAP;
        goOn();
    }

    private void submit(BlockLink to, State next) {
        state = next;
        transfer = metadata.beginTransfer();
        to.submit(this);
    }

    // ---- reads

    private void read() {
        if (position == end) {
            finish(0);
            return;
        }
        int found = map.find(position, end, false, this);
        if (found != 0) {
            failUnlessWaiting(found);
            return;
        }
        switch (map.kind) {
            case DATA -> readFrom(link.data, map.hostOffset, Math.min(map.bytes, metadata.fileBytes() - map.hostOffset));
            case ZERO -> fillZeroes(map.bytes);
            case UNALLOCATED -> readFrom(link.backing, position, Math.min(map.bytes, link.backingBytes - position));
            case COMPRESSED -> readCompressed();
        }
    }

    private void failUnlessWaiting(int outcome) {
        if (outcome != WAIT) {
            fail(outcome);
        }
    }

    /** Reads what there is of the part; behind the end of a file there are zeroes. */
    private void readFrom(BlockLink source, long offset, long there) {
        if (there <= 0) {
            fillZeroes(map.bytes);
            return;
        }
        partBytes = there;
        begin(Operation.READ, offset);
        guestBuffers.addTo(this, there);
        submit(source, State.MOVED);
    }

    private void fillZeroes(long bytes) {
        guestBuffers.clear(link.guestMemory, bytes);
        moved(bytes);
    }

    private void readCompressed() {
        if (inflated(map.entry, State.MAP)) {
            guestBuffers.write(link.guestMemory, metadata.inflation.bytes(), position & geometry.clusterMask, map.bytes);
            moved(map.bytes);
        }
    }

    /** Answers whether the cluster is there; else {@code then} comes when it is. */
    private boolean inflated(long entry, State then) {
        if (metadata.inflation.holds(entry)) {
            return true;
        }
        if (!hasCow()) {
            return false;
        }
        inflateEntry = entry;
        afterInflate = then;
        long offset = geometry.compressedOffset(entry);
        inflateBytes = (int) Math.min(geometry.compressedBytes(entry), metadata.fileBytes() - offset);
        begin(Operation.READ, offset);
        addBuffer(cow.compressed.address(), inflateBytes);
        submit(link.data, State.INFLATE);
        return false;
    }

    private void inflate() {
        if (!metadata.inflation.inflate(inflateEntry, cow.compressed.asSlice(0, inflateBytes))) {
            fail(-Errno.EIO);
            return;
        }
        state = afterInflate;
        goOn();
    }

    private boolean hasCow() {
        if (cow == null) {
            cow = metadata.takeCow(this);
        }
        return cow != null;
    }

    private void releaseCow() {
        if (cow != null) {
            CowBuffer released = cow;
            cow = null;
            metadata.giveCow(released);
        }
    }

    // ---- writes

    private void write() {
        if (position == end) {
            finishDurable();
        } else {
            writeUpTo(end);
        }
    }

    private boolean isRefused() {
        if (metadata.readOnly || metadata.isCorrupt()) {
            fail(metadata.readOnly ? -Errno.EROFS : -Errno.EIO);
            return true;
        }
        return false;
    }

    private void writeUpTo(long limit) {
        if (isRefused()) {
            return;
        }
        int found = map.find(position, limit, true, this);
        if (found != 0) {
            failUnlessWaiting(found);
        } else if (map.kind == Kind.DATA && (map.entry & COPIED) != 0 && map.hasOwnTable(position)) {
            partBytes = map.bytes;
            begin(Operation.WRITE, map.hostOffset);
            addData();
            setDurable(guest.isDurable());
            submit(link.data, State.MOVED);
        } else {
            allocate(limit);
        }
    }

    private void addData() {
        if (!guest.operation().isRange()) {
            guestBuffers.addTo(this, partBytes);
            return;
        }
        for (long left = partBytes; left > 0; left -= geometry.clusterBytes) {
            addBuffer(metadata.memory.zeroes.address(), Math.min(left, geometry.clusterBytes));
        }
    }

    /** Whether entries of the cluster at {@link #position} may be changed now; if not, this waits, or has failed. */
    private boolean mayChange() {
        if (!map.hasOwnTable(position)) {
            metadata.l2Maker.make(map.l1Index(position), this);
            return false;
        }
        if (metadata.isLocked(position >>> geometry.clusterBits)) {
            metadata.lockWaiters.add(this);
            return false;
        }
        return true;
    }

    private void allocate(long limit) {
        if (!mayChange()) {
            return;
        }
        firstGuestCluster = position >>> geometry.clusterBits;
        boolean reuse = isReserved(map.entry);
        clusters = reuse ? 1 : countClusters(limit);
        setPads(limit);
        if ((headHasData || tailHasData) && !hasCow()) {
            return;
        }
        if (reuse) {
            firstCluster = (map.entry & OFFSET_MASK) >>> geometry.clusterBits;
            fresh = false;
        } else {
            int count = metadata.allocator.allocate(clusters, this);
            if (count < 0) {
                failUnlessWaiting(count);
                return;
            }
            firstCluster = metadata.allocator.first();
            fresh = metadata.allocator.isFresh();
            if (count < clusters) {
                clusters = count;
                setPads(limit);
            }
        }
        allocated = !reuse;
        locking = true;
        metadata.lock(this);
        state = State.HEAD;
        goOn();
    }

    /** Reads as zeroes and has a cluster of its own to be written to. */
    private boolean isReserved(long entry) {
        return (entry & (COPIED | COMPRESSED | ZERO)) == (COPIED | ZERO) && (entry & OFFSET_MASK) != 0
            && !map.isTable(entry);
    }

    /** How many guest clusters from here on have no cluster of their own, and nobody who is making one for them. */
    private int countClusters(long limit) {
        int count = 1;
        long next = firstGuestCluster + 1 << geometry.clusterBits;
        while (next < limit && map.index + count < map.entriesInSlice()) {
            long entry = map.entryAt(map.index + count);
            Kind kind = map.kindOf(entry);
            if (kind == null || (entry & COPIED) != 0 || metadata.isLocked(firstGuestCluster + count)) {
                break;
            }
            count++;
            next += geometry.clusterBytes;
        }
        return count;
    }

    private void setPads(long limit) {
        long clusterEnd = firstGuestCluster + clusters << geometry.clusterBits;
        long partEnd = Math.min(limit, clusterEnd);
        partBytes = partEnd - position;
        headBytes = (int) (position & geometry.clusterMask);
        tailBytes = (int) (clusterEnd - partEnd);
        headEntry = map.entry;
        tailEntry = map.entryAt(map.index + clusters - 1);
        headHasData = headBytes != 0 && hasData(headEntry, position - headBytes);
        tailHasData = tailBytes != 0 && hasData(tailEntry, partEnd);
    }

    /** Whether there may be anything but zeroes in the cluster from {@code from} on. */
    private boolean hasData(long entry, long from) {
        Kind kind = map.kindOf(entry);
        return kind == Kind.DATA || kind == Kind.COMPRESSED || kind == Kind.UNALLOCATED && from < link.backingBytes;
    }

    private void fillHead() {
        if (!headHasData || fill(headEntry, position - headBytes, cow.head.asSlice(0, headBytes), State.HEAD)) {
            state = State.TAIL;
            goOn();
        }
    }

    private void fillTail() {
        if (!tailHasData || fill(tailEntry, position + partBytes, cow.tail.asSlice(0, tailBytes), State.TAIL)) {
            state = State.TAIL_FILLED;
            goOn();
        }
    }

    /** Brings old bytes of a cluster, from {@code from} of the disk on; answers whether they are here already. */
    private boolean fill(long entry, long from, MemorySegment into, State now) {
        Kind kind = map.kindOf(entry);
        if (kind == Kind.COMPRESSED) {
            boolean here = inflated(entry, now);
            if (here) {
                MemorySegment.copy(metadata.inflation.bytes(), from & geometry.clusterMask, into, 0, into.byteSize());
            }
            return here;
        }
        boolean inFile = kind == Kind.DATA;
        long offset = inFile ? (entry & OFFSET_MASK) + (from & geometry.clusterMask) : from;
        long there = Math.clamp((inFile ? metadata.fileBytes() : link.backingBytes) - offset, 0, into.byteSize());
        into.asSlice(there).fill((byte) 0);
        if (there == 0) {
            return true;
        }
        begin(Operation.READ, offset);
        addBuffer(into.address(), there);
        submit(inFile ? link.data : link.backing, now == State.HEAD ? State.HEAD_FILLED : State.TAIL_FILLED);
        return false;
    }

    private void writeClusters() {
        // Clusters that were never written to read as zeroes around what is written.
        boolean writeHead = headBytes != 0 && (headHasData || !fresh);
        boolean writeTail = tailBytes != 0 && (tailHasData || !fresh);
        long start = firstCluster << geometry.clusterBits;
        begin(Operation.WRITE, writeHead ? start : start + headBytes);
        MemorySegment zeroes = metadata.memory.zeroes;
        if (writeHead) {
            addBuffer((headHasData ? cow.head : zeroes).address(), headBytes);
        }
        addData();
        if (writeTail) {
            addBuffer((tailHasData ? cow.tail : zeroes).address(), tailBytes);
        }
        submit(link.data, State.WRITTEN);
    }

    private void linkClusters() {
        state = State.LINK;
        if (metadata.isCorrupt()) {
            fail(-Errno.EIO);
            return;
        }
        if (metadata.committer.isFrozen()) {
            metadata.thawWaiters.add(this);
            return;
        }
        int found = map.find(position, position + 1, false, this);
        if (found != 0) {
            failUnlessWaiting(found);
            return;
        }
        for (int i = 0; i < clusters; i++) {
            if (allocated) {
                map.release(map.entryAt(map.index + i));
            }
            map.setEntry(map.index + i, firstCluster + i << geometry.clusterBits | COPIED);
        }
        unlock();
        metadata.relieve();
        moved(partBytes);
    }

    private void unlock() {
        locking = false;
        metadata.unlock(this);
        wake(metadata.lockWaiters, 0);
    }

    // ---- zeroes and discards

    private void zero() {
        if (position == end) {
            finishDurable();
            return;
        }
        if (isRefused()) {
            return;
        }
        int found = map.find(position, end, false, this);
        if (found != 0) {
            failUnlessWaiting(found);
            return;
        }
        boolean zeroAlready = map.kind == Kind.ZERO || map.kind == Kind.UNALLOCATED && position >= link.backingBytes;
        long clusterEnd = (position & ~geometry.clusterMask) + geometry.clusterBytes;
        boolean whole = (position & geometry.clusterMask) == 0 && (end >= clusterEnd || end == metadata.diskBytes());
        if (zeroAlready && !(whole && guest.mayUnmap() && (map.entry & OFFSET_MASK) != 0)) {
            moved(map.bytes);
        } else if (whole && (geometry.hasZeroClusters() || guest.mayUnmap() && !metadata.hasBacking)) {
            relink();
        } else {
            writeUpTo(Math.min(end, clusterEnd));
        }
    }

    private void discard() {
        if (position >= end || geometry.version < 3 && metadata.hasBacking) {
            finish(0);
            return;
        }
        if (isRefused()) {
            return;
        }
        int found = map.find(position, end, false, this);
        if (found != 0) {
            failUnlessWaiting(found);
        } else if (map.kind == Kind.UNALLOCATED) {
            moved(map.bytes);
        } else {
            relink();
        }
    }

    /** Lets whole clusters read as zeroes by what their entries say, as far as they are in one slice. */
    private void relink() {
        if (!mayChange()) {
            return;
        }
        if (metadata.committer.isFrozen()) {
            metadata.thawWaiters.add(this);
            return;
        }
        long at = position;
        for (int i = map.index; i < map.entriesInSlice() && isWhole(at)
                && !metadata.isLocked(at >>> geometry.clusterBits); i++) {
            long old = map.entryAt(i);
            if (map.kindOf(old) == null) {
                break; // what it is to be told comes when it is the first
            }
            long changed = withoutData(old);
            if (changed != old) {
                if ((changed & OFFSET_MASK) == 0) {
                    map.release(old);
                }
                map.setEntry(i, changed);
            }
            at += geometry.clusterBytes;
        }
        metadata.relieve();
        moved(Math.min(at, end) - position);
    }

    private boolean isWhole(long at) {
        return at + geometry.clusterBytes <= end || at < end && end == metadata.diskBytes();
    }

    /** What an entry becomes. */
    private long withoutData(long old) {
        Kind kind = map.kindOf(old);
        boolean isDiscard = guest.operation() == Operation.DISCARD;
        if (isDiscard && kind == Kind.UNALLOCATED) {
            return old;
        }
        if (!isDiscard && !guest.mayUnmap() && (old & (COPIED | COMPRESSED)) == COPIED && (old & OFFSET_MASK) != 0) {
            return old | ZERO;
        }
        if (!geometry.hasZeroClusters() || isDiscard && !metadata.hasBacking) {
            return 0;
        }
        return ZERO;
    }

    // ---- the end

    private void finishDurable() {
        if (guest.isDurable() && !metadata.committer.isDurable()) {
            state = State.FLUSHED;
            metadata.committer.flush(this);
        } else {
            finish(0);
        }
    }

    private void flush() {
        state = State.FLUSHED;
        if (!metadata.committer.isClean()) {
            metadata.committer.flush(this);
        } else if (metadata.isCorrupt()) {
            fail(-Errno.EIO);
        } else {
            begin(Operation.FLUSH, 0);
            submit(link.data, State.FLUSHED);
        }
    }

    @Override
    protected void onFailure(Throwable bug) {
        metadata.failed(bug);
        guest.fail(bug);
    }
}
