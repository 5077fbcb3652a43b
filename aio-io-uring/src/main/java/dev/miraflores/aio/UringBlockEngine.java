// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Storage;

/**
 * Requests as entries of the thread's ring. Each has a slot while it is in flight, whose number comes back in the
 * user_data; entries gather until the turn ends.
 */
final class UringBlockEngine implements BlockEngine, CqeHandler {

    /** EAGAIN is rare and passes; a host where it does not gets it reported after that many times. */
    private static final int MAX_RETRIES = 100;

    private final UringPort port;
    private final SubmissionQueue sq;
    private final BlockFile file;
    private final boolean fixedBuffers;
    private final int owner;
    private final int fileIndex;
    private final int fd;
    private final int sqeFlags;

    private final BlockIo[] slots;
    private final int[] freeSlots;
    private int freeCount;

    /** Requests that found the ring full, first come first served. */
    private final BlockIoQueue heldBack = new BlockIoQueue();

    private final Counters<EngineCounter> counters;

    UringBlockEngine(UringPort port, BlockFile file, LinkOptions options) {
        int depth = options.depth();
        this.port = port;
        this.sq = port.ring.submissionQueue();
        this.file = file;
        this.counters = options.counters();
        this.owner = port.addOwner(this);
        this.fileIndex = port.registerFile(file.number());
        this.fd = fileIndex >= 0 ? fileIndex : file.number();
        this.sqeFlags = fileIndex >= 0 ? IOSQE_FIXED_FILE : 0;
        // The page cache is copied from and to, so there the kernel pins nothing that it could be spared.
        this.fixedBuffers = options.registerMemory() && file.cache().isDirect()
            && port.registeredMemory.join(options.memory());
        this.slots = new BlockIo[depth];
        this.freeSlots = new int[depth];
        for (int i = 0; i < depth; i++) {
            freeSlots[i] = depth - 1 - i;
        }
        this.freeCount = depth;
    }

    @Override
    public String name() {
        return "io_uring";
    }

    @Override
    public int inFlight() {
        return slots.length - freeCount + heldBack.size();
    }

    @Override
    public Counters<EngineCounter> counters() {
        return counters;
    }

    @Override
    public void submit(BlockIo io) {
        if (io.operation() == Operation.FLUSH && !file.cache().flushes()) {
            io.complete(0);
        } else {
            startOrHoldBack(io, sqeFlags);
        }
    }

    private void startOrHoldBack(BlockIo io, int flags) {
        if (!heldBack.isEmpty() || !start(io, flags)) {
            heldBack.add(io);
        }
    }

    /** Once a turn: the ring may have room again. */
    void submitHeldBack() {
        while (!heldBack.isEmpty() && start(heldBack.first(), sqeFlags)) {
            heldBack.remove();
        }
    }

    /** Gives the request a slot and an entry; answers false where either is not to be had now. */
    private boolean start(BlockIo io, int flags) {
        if (freeCount == 0) {
            return false;
        }
        int slot = freeSlots[freeCount - 1];
        if (!prepare(io, slot, flags)) {
            return false;
        }
        freeCount--;
        slots[slot] = io;
        return true;
    }

    private boolean prepare(BlockIo io, int slot, int flags) {
        long entry = port.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            return false;
        }
        counters.increment(EngineCounter.SUBMITTED);
        long userData = UserData.pack(owner, slot);
        switch (io.operation()) {
            case READ -> prepareTransfer(
                io, entry, flags, userData, IORING_OP_READ, IORING_OP_READ_FIXED, IORING_OP_READV, 0);
            case WRITE -> prepareTransfer(
                io, entry, flags, userData, IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_WRITEV,
                io.isDurable() && file.cache().flushes() ? Storage.RWF_DSYNC : 0);
            case FLUSH -> sq.prepareDataSync(entry, flags, fd, userData);
            case DISCARD, WRITE_ZEROES ->
                sq.prepareFallocate(entry, flags, fd, fallocateMode(io), io.offset(), io.byteCount(), userData);
        }
        return true;
    }

    private static int fallocateMode(BlockIo io) {
        boolean punch = io.operation() == Operation.DISCARD || io.mayUnmap();
        return (punch ? FileIo.FALLOC_FL_PUNCH_HOLE : FileIo.FALLOC_FL_ZERO_RANGE) | FileIo.FALLOC_FL_KEEP_SIZE;
    }

    private void prepareTransfer(
            BlockIo io, long entry, int flags, long userData, int plainOp, int fixedOp, int vectoredOp, int rwFlags) {
        if (io.remainingBuffers() != 1) {
            sq.prepareVectored(entry, vectoredOp, flags, fd, io.remainingIovecs(), io.remainingBuffers(),
                io.remainingOffset(), rwFlags, userData);
            return;
        }
        long address = io.remainingAddress();
        int bytes = (int) io.remainingBytes();
        int buffer = fixedBuffers ? port.registeredMemory.indexOf(address, bytes) : RegisteredMemory.NONE;
        if (buffer == RegisteredMemory.NONE) {
            sq.prepareTransfer(entry, plainOp, flags, fd, address, bytes, io.remainingOffset(), rwFlags, userData);
        } else {
            counters.increment(EngineCounter.FIXED_BUFFER);
            sq.prepareFixedTransfer(
                entry, fixedOp, flags, fd, address, bytes, io.remainingOffset(), rwFlags, userData, buffer);
        }
    }

    @Override
    public void onCompletion(int slot, int result, int flags) {
        BlockIo io = slots[slot];
        slots[slot] = null;
        freeSlots[freeCount++] = slot;
        if (io.operation().isRange() && result != -Errno.EAGAIN && result != -Errno.EINTR) {
            onRange(io, result);
        } else if (result == io.remainingBytes() || result >= 0 && io.operation() == Operation.FLUSH) {
            io.complete(0);
        } else if (result > 0) {
            counters.increment(EngineCounter.CONTINUED);
            io.advance(result);
            startOrHoldBack(io, sqeFlags);
        } else if ((result == -Errno.EAGAIN || result == -Errno.EINTR) && io.retries < MAX_RETRIES) {
            counters.increment(EngineCounter.RETRIED);
            io.retries++;
            // From a thread of the kernel's, which may wait for what was not to be had without waiting.
            startOrHoldBack(io, sqeFlags | IOSQE_ASYNC);
        } else {
            // No bytes at all: the file has become shorter than the disk. What is missing is lost, not zero.
            io.complete(result == 0 ? -Errno.EIO : result);
        }
    }

    private void onRange(BlockIo io, int result) {
        boolean discard = io.operation() == Operation.DISCARD;
        if (result == 0) {
            counters.add(discard ? EngineCounter.DISCARDED_BYTES : EngineCounter.ZEROED_BYTES, io.byteCount());
        }
        // A discard is a hint, which a file system may not be able to follow.
        io.complete(discard && result == -Errno.EOPNOTSUPP ? 0 : result);
    }

    @Override
    public void close() {
        if (inFlight() != 0) {
            throw new IllegalStateException("drive " + file + ": " + inFlight() + " requests in flight");
        }
        port.removeEngine(this);
        port.removeOwner(owner);
        port.unregisterFile(fileIndex);
        if (fixedBuffers) {
            port.registeredMemory.leave();
        }
    }
}
