// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.CompletionQueue;
import dev.miraflores.aio.uring.IoUring;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.aio.uring.RingMode;
import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import java.util.Arrays;

/**
 * An io_uring that engines share: who owns which of its completions, and what is registered with it.
 * <p>Thread: the I/O thread, but for the constructor.
 */
final class EngineRing {

    /** Owner of completions that nobody waits for. */
    static final int NOBODY = 0;
    /** Instead of a file's index. */
    static final int NO_FILE = -1;

    /** Entries filled between two system calls; more only make a call more. */
    private static final int SQ_ENTRIES = 256;
    /** Completions in the ring; more go into a list of the kernel's. */
    private static final int CQ_ENTRIES = 1024;
    /** Places for registered files, each a disk of this thread's. */
    private static final int FILE_TABLE_SIZE = 16;

    final IoUring ring;
    final SubmissionQueue sq;
    final RegisteredMemory registeredMemory;
    private final CompletionQueue cq;

    private CqeHandler[] owners = {new Nobody()};
    private boolean[] filePlaces;

    private static final class Nobody implements CqeHandler {
        @Override
        public void onCompletion(int value, int result, int flags) {
        }
    }

    EngineRing(KernelFeatures features, RingMode mode) {
        ring = IoUring.create(features, mode, SQ_ENTRIES, CQ_ENTRIES);
        sq = ring.submissionQueue();
        cq = ring.completionQueue();
        registeredMemory = new RegisteredMemory(ring);
    }

    /** Hands completions to their owners; answers how many there were. */
    int dispatch() {
        int count = cq.ready();
        for (int i = 0; i < count; i++) {
            long userData = cq.userData(0);
            int result = cq.result(0);
            int flags = cq.flags(0);
            // First given back, so that whatever comes of it, it does not come twice.
            cq.advance(1);
            owners[UserData.owner(userData)].onCompletion(UserData.value(userData), result, flags);
        }
        return count;
    }

    /** Takes an entry of the ring, handing over those before if it has to; or {@link SubmissionQueue#FULL}. */
    long beginEntry() {
        long entry = sq.begin();
        if (entry == SubmissionQueue.FULL) {
            ring.submit();
            entry = sq.begin();
        }
        return entry;
    }

    int addOwner(CqeHandler handler) {
        for (int i = NOBODY + 1; i < owners.length; i++) {
            if (owners[i] == null) {
                owners[i] = handler;
                return i;
            }
        }
        owners = Arrays.copyOf(owners, owners.length + 1);
        owners[owners.length - 1] = handler;
        return owners.length - 1;
    }

    /** Once no completion of its can come any more. */
    void removeOwner(int owner) {
        owners[owner] = null;
    }

    /** Registers a file, which spares the kernel two atomic operations a request: its index, or −1 to go without. */
    int registerFile(int fd) {
        if (filePlaces == null) {
            filePlaces = new boolean[ring.registerFileTable(FILE_TABLE_SIZE) ? FILE_TABLE_SIZE : 0];
        }
        for (int i = 0; i < filePlaces.length; i++) {
            if (!filePlaces[i] && ring.updateFile(i, fd) == 0) {
                filePlaces[i] = true;
                return i;
            }
        }
        return NO_FILE;
    }

    void unregisterFile(int index) {
        if (index != NO_FILE) {
            ring.updateFile(index, NO_FILE);
            filePlaces[index] = false;
        }
    }
}
