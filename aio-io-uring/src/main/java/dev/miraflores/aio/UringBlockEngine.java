// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import dev.miraflores.linux.Storage;

/**
 * Requests as entries of the thread's ring. A request's slot comes back in the user_data; entries gather until the turn
 * ends.
 */
final class UringBlockEngine extends SlotEngine implements CqeHandler {

    private final UringPort port;
    private final SubmissionQueue sq;
    private final boolean fixedBuffers;
    private final int owner;
    private final int fileIndex;
    private final int fd;
    private final int sqeFlags;

    UringBlockEngine(IoThread thread, UringPort port, BlockFile file, LinkOptions options) {
        super(thread, file, options);
        this.port = port;
        this.sq = port.ring.submissionQueue();
        this.owner = port.addOwner(this);
        this.fileIndex = port.registerFile(file.number());
        this.fd = fileIndex >= 0 ? fileIndex : file.number();
        this.sqeFlags = fileIndex >= 0 ? IOSQE_FIXED_FILE : 0;
        // The page cache is copied from and to, so there the kernel pins nothing that it could be spared.
        this.fixedBuffers = options.registerMemory() && file.cache().isDirect()
            && port.registeredMemory.join(options.memory());
    }

    @Override
    public String name() {
        return EngineKind.IO_URING.word();
    }

    @Override
    boolean begin(BlockIo io, int slot) {
        if (io.operation().isRange() && !isOneFallocate(io)) {
            return beginOnWorker(io, slot);
        }
        long entry = port.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            return false;
        }
        // Once more is from a thread of the kernel's, which may wait for what was not to be had without waiting.
        int flags = io.retries == 0 ? sqeFlags : sqeFlags | IOSQE_ASYNC;
        long userData = UserData.pack(owner, slot);
        switch (io.operation()) {
            case READ -> prepareTransfer(
                io, entry, flags, userData, IORING_OP_READ, IORING_OP_READ_FIXED, IORING_OP_READV, 0);
            case WRITE -> prepareTransfer(
                io, entry, flags, userData, IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_WRITEV,
                io.isDurable() && file.cache().flushes() ? Storage.RWF_DSYNC : 0);
            case FLUSH -> sq.prepareDataSync(entry, flags, fd, userData);
            case DISCARD, WRITE_ZEROES -> sq.prepareFallocate(
                entry, flags, fd, fallocateMode(io), file.ranges().start(io), file.ranges().byteCount(io), userData);
        }
        return true;
    }

    private int fallocateMode(BlockIo io) {
        return file.ranges().fallocateMode(io.operation(), io.mayUnmap());
    }

    /** The kernel does fallocate on threads of its own; what takes more than that is for ours. */
    private boolean isOneFallocate(BlockIo io) {
        return fallocateMode(io) != FileRanges.NO_MODE && !(io.isDurable() && file.cache().flushes())
            && !io.needsWorker;
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
    public void onCompletion(int value, int result, int flags) {
        BlockIo io = at(value);
        if (!io.operation().isRange() || result != 0 && !FileRanges.isRefusal(result)) {
            onResult(value, result);
        } else if (result == 0) {
            onResult(value, file.ranges().byteCount(io));
        } else {
            moveToWorker(value); // which finds out what the file can do instead
        }
    }

    @Override
    void end() {
        port.removeEngine(this);
        port.removeOwner(owner);
        port.unregisterFile(fileIndex);
        if (fixedBuffers) {
            port.registeredMemory.leave();
        }
    }
}
