// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.CompletionQueue;
import dev.miraflores.aio.uring.IoUring;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.aio.uring.RingMode;
import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import java.util.Arrays;

/** An I/O thread's io_uring, and who owns which of its completions. */
final class UringPort extends EventPort {

    /** Entries filled between two system calls; more only make a call more. */
    private static final int SQ_ENTRIES = 256;
    /** Completions in the ring; more go into a list of the kernel's. */
    private static final int CQ_ENTRIES = 1024;
    /** Places for registered files, each a disk of this thread's. */
    private static final int FILE_TABLE_SIZE = 16;
    private static final int NO_FILE = -1;

    /** Owner of completions that nobody waits for. */
    static final int NOBODY = 0;

    final IoUring ring;
    private final SubmissionQueue sq;
    private final CompletionQueue cq;
    private final boolean multishotPoll;

    private CqeHandler[] owners = {new Nobody()};
    private UringBlockEngine[] engines = {};
    private UringWatch[] unarmed = {};

    private boolean[] filePlaces;
    final RegisteredMemory registeredMemory;

    private static final class Nobody implements CqeHandler {
        @Override
        public void onCompletion(int value, int result, int flags) {
        }
    }

    private static final class WakeUp implements EventHandler {
        @Override
        public void onEvent() {
        }
    }

    private UringPort(KernelFeatures features, IoThreadOptions options) {
        ring = IoUring.create(features, options.sqPoll() ? RingMode.SQ_POLL : RingMode.PLAIN, SQ_ENTRIES, CQ_ENTRIES);
        sq = ring.submissionQueue();
        cq = ring.completionQueue();
        registeredMemory = new RegisteredMemory(ring);
        multishotPoll = features.hasMultishotPoll();
    }

    static UringPort create(KernelFeatures features, IoThreadOptions options) {
        try {
            return new UringPort(features, options);
        } catch (ErrnoException e) {
            if (options.sqPoll()) {
                throw new DriveException("sqpoll: the kernel refuses it: " + e.getMessage() + "; go without");
            }
            throw e;
        }
    }

    @Override
    String whyNoUring() {
        return null;
    }

    @Override
    void enable() {
        ring.enable();
    }

    @Override
    boolean hasEvents() {
        return ring.hasCompletions();
    }

    @Override
    void look() {
        // hasEvents sees all
    }

    @Override
    void submit() {
        ring.submit();
    }

    /** Hands over what has been queued, so that descriptors in it may be closed. */
    void submitFully() {
        ring.submitFully();
    }

    @Override
    void await(long timeoutNs) {
        ring.submitAndWait(timeoutNs);
    }

    @Override
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
        if (unarmed.length != 0) {
            armAgain();
        }
        for (UringBlockEngine engine : engines) {
            engine.submitHeldBack();
        }
        return count;
    }

    private void armAgain() {
        UringWatch[] waiting = unarmed;
        unarmed = new UringWatch[0];
        for (UringWatch watch : waiting) {
            watch.arm();
        }
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

    @Override
    Watch watch(EventFd event, EventHandler handler) {
        UringWatch watch = new UringWatch(this, event, handler, multishotPoll);
        watch.arm();
        return watch;
    }

    @Override
    Watch wakeOn(EventFd event) {
        return watch(event, new WakeUp());
    }

    /** The ring was full: tried again next turn. */
    void armLater(UringWatch watch) {
        unarmed = Arrays.copyOf(unarmed, unarmed.length + 1);
        unarmed[unarmed.length - 1] = watch;
    }

    @Override
    BlockEngine openEngine(IoThread thread, BlockFile file, LinkOptions options) {
        UringBlockEngine engine = new UringBlockEngine(thread, this, file, options);
        engines = Arrays.copyOf(engines, engines.length + 1);
        engines[engines.length - 1] = engine;
        return engine;
    }

    void removeEngine(UringBlockEngine engine) {
        UringBlockEngine[] left = new UringBlockEngine[engines.length - 1];
        int count = 0;
        for (UringBlockEngine each : engines) {
            if (each != engine) {
                left[count++] = each;
            }
        }
        engines = left;
    }

    @Override
    int inFlight() {
        int sum = 0;
        for (UringBlockEngine engine : engines) {
            sum += engine.inFlight();
        }
        return sum;
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

    @Override
    void close() {
        ring.close();
    }
}
