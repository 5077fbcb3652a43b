// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;

/**
 * A drive's file as one ring knows it: its index or descriptor, who gets completions, whether buffers are had by index.
 * <p>Thread: the I/O thread.
 */
final class EngineFile {

    private final EngineRing ring;
    private final SubmissionQueue sq;
    private final Counters<EngineCounter> counters;
    private final int owner;
    private final int fileIndex;
    private final int fd;
    private final int sqeFlags;
    private final boolean fixedBuffers;

    /**
     * @param handler what gets the completions, with a request's slot as the value
     */
    EngineFile(EngineRing ring, BlockFile file, LinkOptions options, CqeHandler handler) {
        this.ring = ring;
        this.sq = ring.sq;
        this.counters = options.counters();
        this.owner = ring.addOwner(handler);
        this.fileIndex = ring.registerFile(file.number());
        this.fd = fileIndex == EngineRing.NO_FILE ? file.number() : fileIndex;
        this.sqeFlags = fileIndex == EngineRing.NO_FILE ? 0 : IOSQE_FIXED_FILE;
        // The page cache is copied from and to, so there the kernel pins nothing that it could be spared.
        this.fixedBuffers = options.registerMemory() && file.cache().isDirect()
            && ring.registeredMemory.join(options.memory());
    }

    boolean read(BlockIo io, int slot) {
        return transfer(io, slot, IORING_OP_READ, IORING_OP_READ_FIXED, IORING_OP_READV, 0);
    }

    boolean write(BlockIo io, int slot, int rwFlags) {
        return transfer(io, slot, IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_WRITEV, rwFlags);
    }

    /** Answers whether there was room for what is left of {@code io}. */
    private boolean transfer(BlockIo io, int slot, int plainOp, int fixedOp, int vectoredOp, int rwFlags) {
        long entry = ring.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            return false;
        }
        int flags = flags(io);
        long userData = UserData.pack(owner, slot);
        if (io.remainingBuffers() != 1) {
            sq.prepareVectored(entry, vectoredOp, flags, fd, io.remainingIovecs(), io.remainingBuffers(),
                io.remainingOffset(), rwFlags, userData);
            return true;
        }
        long address = io.remainingAddress();
        int bytes = (int) io.remainingBytes();
        int buffer = fixedBuffers ? ring.registeredMemory.indexOf(address, bytes) : RegisteredMemory.NONE;
        if (buffer == RegisteredMemory.NONE) {
            sq.prepareTransfer(entry, plainOp, flags, fd, address, bytes, io.remainingOffset(), rwFlags, userData);
        } else {
            counters.increment(EngineCounter.FIXED_BUFFER);
            sq.prepareFixedTransfer(
                entry, fixedOp, flags, fd, address, bytes, io.remainingOffset(), rwFlags, userData, buffer);
        }
        return true;
    }

    boolean flush(BlockIo io, int slot) {
        long entry = ring.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            return false;
        }
        sq.prepareDataSync(entry, flags(io), fd, UserData.pack(owner, slot));
        return true;
    }

    /**
     * @param mode {@code FALLOC_FL_…}
     */
    boolean fallocate(BlockIo io, int slot, int mode, long offset, long byteCount) {
        long entry = ring.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            return false;
        }
        sq.prepareFallocate(entry, flags(io), fd, mode, offset, byteCount, UserData.pack(owner, slot));
        return true;
    }

    /** Once more is from a thread of the kernel's, which may wait for what was not to be had without waiting. */
    private int flags(BlockIo io) {
        return io.retries == 0 ? sqeFlags : sqeFlags | IOSQE_ASYNC;
    }

    /** Gives back what the ring has of it. */
    void close() {
        ring.removeOwner(owner);
        ring.unregisterFile(fileIndex);
        if (fixedBuffers) {
            ring.registeredMemory.leave();
        }
    }
}
