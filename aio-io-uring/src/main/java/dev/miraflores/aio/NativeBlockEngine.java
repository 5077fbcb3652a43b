// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.bindings.aio.aio_abi;
import dev.miraflores.bindings.aio.aio_abi.io_event;
import dev.miraflores.linux.AioSyscalls;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Storage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Requests as Linux AIO: handed over once a turn, all at once, by io_submit(2), their completions taken from the ring that
 * the kernel keeps in our memory. Reads and writes go past the page cache, or submitting them would wait for the disk;
 * what Linux AIO cannot do at all is done by workers.
 */
final class NativeBlockEngine extends SlotEngine implements EngineQueue {

    private final Arena arena = Arena.ofConfined();
    private final EventFd event = EventFd.create();
    private final long context;
    private final IocbArray iocbs;
    private final Watch watch;

    /** {@code null} where the kernel's is not one that we know. */
    private final AioRing ring;
    /** Where io_getevents(2) stores without it; and whether there has been an event since. */
    private final MemorySegment events;
    private final MemorySegment noTime;
    private boolean signalled;

    /** Requests that the kernel has. */
    private int submitted;
    /** Slots of those that it did not take, and why. Told with the completions: a turn may have ended when it says so. */
    private final int[] refusedSlots = new int[depth()];
    private final int[] refusedErrors = new int[depth()];
    private int refusedCount;
    /** Before Linux 4.18, and on file systems without it. */
    private boolean cannotSync;
    /** The context is gone, and the ring's memory with it; a turn that had begun may still ask. */
    private boolean ended;

    /**
     * @throws DriveException where the host does not give a context
     */
    NativeBlockEngine(IoThread thread, BlockFile file, LinkOptions options) {
        this(thread, file, options, true);
    }

    /**
     * @param readRing whether to take completions from the ring where it is one that we know
     */
    NativeBlockEngine(IoThread thread, BlockFile file, LinkOptions options, boolean readRing) {
        super(thread, file, options);
        this.context = AioSyscalls.setup(depth());
        if (context < 0) {
            event.close();
            arena.close();
            throw new DriveException("drive " + file + ": aio=native: " + HostProbe.whyNoNative((int) -context));
        }
        this.iocbs = new IocbArray(arena, depth(), file.number(), event.number());
        this.ring = readRing ? AioRing.of(context) : null;
        this.events = ring == null ? arena.allocate(io_event.sizeof * depth(), Long.BYTES) : null;
        this.noTime = ring == null ? arena.allocate(2L * Long.BYTES, Long.BYTES) : null;
        this.watch = thread.watch(event, new Signalled());
        thread.addEngine(this);
    }

    private final class Signalled implements EventHandler {
        @Override
        public void onEvent() {
            signalled = true;
        }
    }

    @Override
    public String name() {
        return EngineKind.NATIVE.word();
    }

    @Override
    boolean begin(BlockIo io, int slot) {
        // What the kernel would not do without waiting goes to where waiting does no harm.
        if (io.operation().isRange() || io.needsWorker || io.retries != 0) {
            return beginOnWorker(io, slot);
        }
        switch (io.operation()) {
            case READ -> addTransfer(io, slot, aio_abi.IOCB_CMD_PREAD, aio_abi.IOCB_CMD_PREADV, 0);
            case WRITE -> addTransfer(io, slot, aio_abi.IOCB_CMD_PWRITE, aio_abi.IOCB_CMD_PWRITEV,
                io.isDurable() && file.cache().flushes() ? Storage.RWF_DSYNC : 0);
            default -> {
                if (cannotSync) {
                    return beginOnWorker(io, slot);
                }
                iocbs.add(slot, aio_abi.IOCB_CMD_FDSYNC, 0, 0, 0, 0);
            }
        }
        return true;
    }

    private void addTransfer(BlockIo io, int slot, int plainOpcode, int vectoredOpcode, int rwFlags) {
        if (io.remainingBuffers() == 1) {
            iocbs.add(slot, plainOpcode, rwFlags, io.remainingAddress(), io.remainingBytes(), io.remainingOffset());
        } else {
            iocbs.add(slot, vectoredOpcode, rwFlags, io.remainingIovecs(), io.remainingBuffers(), io.remainingOffset());
        }
    }

    @Override
    public void submit() {
        handedOver();
        while (iocbs.waiting() != 0) {
            int taken = AioSyscalls.submit(context, iocbs.waiting(), iocbs.address());
            if (taken > 0) {
                submitted += taken;
                iocbs.remove(taken);
            } else if (taken == -Errno.EAGAIN && submitted != 0) {
                return; // those in flight make room when they complete
            } else {
                refused(taken);
            }
        }
    }

    /** The kernel does not take the first of those that wait, whatever comes of the others. */
    private void refused(int error) {
        refusedSlots[refusedCount] = iocbs.firstSlot();
        refusedErrors[refusedCount++] = error;
        iocbs.remove(1);
    }

    private void onKernelResult(int slot, long result) {
        BlockIo io = at(slot);
        if (result == -Errno.EINVAL && io.operation() == BlockIo.Operation.FLUSH && !io.needsWorker) {
            cannotSync = true;
            moveToWorker(slot);
        } else {
            onResult(slot, result);
        }
    }

    @Override
    public boolean hasEvents() {
        return refusedCount != 0 || hasCompletions();
    }

    private boolean hasCompletions() {
        return ring != null ? !ended && ring.ready() != 0 : signalled;
    }

    /** The kernel signals in any case. */
    @Override
    public boolean enableEvents() {
        return hasEvents();
    }

    @Override
    public int dispatch() {
        if (!hasEvents()) {
            return 0;
        }
        int count = dispatchRefused();
        if (hasCompletions()) {
            count += ring != null ? dispatchFromRing() : dispatchByCall();
        }
        submitHeldBack();
        return count;
    }

    private int dispatchRefused() {
        int count = refusedCount;
        refusedCount = 0;
        for (int i = 0; i < count; i++) {
            onKernelResult(refusedSlots[i], refusedErrors[i]);
        }
        return count;
    }

    private int dispatchFromRing() {
        int count = ring.ready();
        for (int i = 0; i < count; i++) {
            int slot = (int) ring.data();
            long result = ring.result();
            // First given back, so that whatever comes of it, it does not come twice.
            ring.advance();
            submitted--;
            onKernelResult(slot, result);
        }
        return count;
    }

    private int dispatchByCall() {
        int count = AioSyscalls.getevents(context, 0, depth(), events.address(), noTime.address());
        if (count < 0 && count != -Errno.EINTR) {
            throw new ErrnoException("io_getevents(" + file + ")", -count);
        }
        // As many as there is room for may be followed by more.
        signalled = count == depth() || count == -Errno.EINTR;
        for (int i = 0; i < count; i++) {
            long at = io_event.sizeof * i;
            int slot = (int) events.get(ValueLayout.JAVA_LONG, at + io_event.data);
            long result = events.get(ValueLayout.JAVA_LONG, at + io_event.res);
            submitted--;
            onKernelResult(slot, result);
        }
        return Math.max(count, 0);
    }

    @Override
    void end() {
        thread.removeEngine(this);
        watch.close();
        ended = true;
        signalled = false;
        AioDestroyer.destroy(context);
        event.close();
        arena.close();
    }
}
