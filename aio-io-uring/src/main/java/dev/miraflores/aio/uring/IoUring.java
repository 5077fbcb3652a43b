// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.IoUringSyscalls;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * One io_uring: its two queues, and the calls that hand entries over and wait.
 * <p>Thread: whoever creates it may be another; from {@link #enable} on, the thread that called that, alone
 * (IORING_SETUP_SINGLE_ISSUER).
 * <p>Lifetime: until {@link #close}, before which everything submitted has to be complete: the kernel goes on writing to
 * buffers of requests in flight. It drops files and polls a moment after the close, not with it.
 * <p>Source: io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
 */
public final class IoUring implements AutoCloseable {

    /** What {@link #submitAndWait} takes to wait for ever. */
    public static final long NO_TIMEOUT = Long.MAX_VALUE;

    private static final long NS_PER_SECOND = 1_000_000_000L;

    /*
     * What calls of ours point at, one after the other:
     *   struct io_uring_getevents_arg   of a wait with a timeout
     *   struct __kernel_timespec        the timeout
     *   struct io_uring_rsrc_update     of one file, or of the ring itself
     *   s32                             the file, and 4 bytes for what follows to be aligned
     *   struct io_uring_rsrc_update2    of one buffer
     *   struct iovec                    the buffer
     */
    private static final long GETEVENTS_ARG_OFFSET = 0;
    private static final long TIMESPEC_OFFSET = GETEVENTS_ARG_OFFSET + io_uring_getevents_arg.sizeof;
    private static final long UPDATE_OFFSET = TIMESPEC_OFFSET + __kernel_timespec.sizeof;
    private static final long UPDATE_FD_OFFSET = UPDATE_OFFSET + io_uring_rsrc_update.sizeof;
    private static final long BUFFER_UPDATE_OFFSET = UPDATE_FD_OFFSET + Long.BYTES;
    private static final long BUFFER_IOVEC_OFFSET = BUFFER_UPDATE_OFFSET + io_uring_rsrc_update2.sizeof;
    private static final long SCRATCH_BYTES = BUFFER_IOVEC_OFFSET + 2L * Long.BYTES;

    private static final int FREE_FILE = -1;

    /** How long the kernel's thread goes on looking for entries before it has to be woken up, with SQ_POLL. */
    private static final int SQ_THREAD_IDLE_MS = 50;

    private final KernelFeatures features;
    private final boolean sqPoll;
    private final Fd fd;
    private final Mapping rings;
    private final Mapping entries;
    private final SubmissionQueue sq;
    private final CompletionQueue cq;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment scratch = arena.allocate(SCRATCH_BYTES, Long.BYTES);
    private final long getEventsArg = scratch.address() + GETEVENTS_ARG_OFFSET;

    /** The ring for io_uring_enter(2): its descriptor, or its index once that is registered. */
    private int enterFd;
    private int enterFlags;
    private boolean fileTable;
    private boolean closed;

    private IoUring(KernelFeatures features, RingMode mode, Fd fd, Mapping rings, Mapping entries, MemorySegment params) {
        this.features = features;
        this.sqPoll = mode == RingMode.SQ_POLL;
        this.fd = fd;
        this.rings = rings;
        this.entries = entries;
        this.enterFd = fd.number();
        this.sq = new SubmissionQueue(rings.segment(), entries.segment(), params);
        this.cq = new CompletionQueue(rings.segment(), params);
        scratch.set(ValueLayout.JAVA_LONG, GETEVENTS_ARG_OFFSET + io_uring_getevents_arg.ts, scratch.address() + TIMESPEC_OFFSET);
    }

    /** One that is used in the plain way. */
    public static IoUring create(KernelFeatures features, int sqEntries, int cqEntries) {
        return create(features, RingMode.PLAIN, sqEntries, cqEntries);
    }

    /**
     * Makes a ring, disabled until {@link #enable}.
     *
     * @param sqEntries how many can be handed over at once
     * @param cqEntries how many completions wait in the ring; beyond that the kernel keeps them in a list
     * @throws ErrnoException where the kernel refuses
     */
    public static IoUring create(KernelFeatures features, RingMode mode, int sqEntries, int cqEntries) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(io_uring_params.sizeof, Long.BYTES);
            int flags = mode.setupFlags(features.setupFlags()) | IORING_SETUP_CQSIZE;
            params.set(ValueLayout.JAVA_INT, io_uring_params.flags, flags);
            params.set(ValueLayout.JAVA_INT, io_uring_params.cq_entries, cqEntries);
            params.set(ValueLayout.JAVA_INT, io_uring_params.sq_thread_idle, SQ_THREAD_IDLE_MS);
            int rc = IoUringSyscalls.setup(sqEntries, params);
            if (rc < 0) {
                throw new ErrnoException("io_uring_setup(entries=" + sqEntries + ", cq_entries=" + cqEntries
                    + (mode == RingMode.PLAIN ? "" : ", " + mode) + ")", -rc);
            }
            return map(features, mode, Fd.adopt(rc), params);
        }
    }

    private static IoUring map(KernelFeatures features, RingMode mode, Fd fd, MemorySegment params) {
        Mapping rings = null;
        try {
            // Both rings are in one mapping (IORING_FEAT_SINGLE_MMAP), which is as long as the longer of them.
            int sqEntries = params.get(ValueLayout.JAVA_INT, io_uring_params.sq_entries);
            int cqEntries = params.get(ValueLayout.JAVA_INT, io_uring_params.cq_entries);
            long sqBytes = params.get(ValueLayout.JAVA_INT, io_uring_params.sq_off + io_sqring_offsets.array) + 4L * sqEntries;
            long cqBytes = params.get(ValueLayout.JAVA_INT, io_uring_params.cq_off + io_cqring_offsets.cqes) + io_uring_cqe.sizeof * cqEntries;
            int prot = Mapping.PROT_READ | Mapping.PROT_WRITE;
            int flags = Mapping.MAP_SHARED | Mapping.MAP_POPULATE;
            rings = Mapping.file(fd.number(), IORING_OFF_SQ_RING, Math.max(sqBytes, cqBytes), prot, flags);
            long entryBytes = (long) SqeLayout.BYTES * sqEntries;
            Mapping entries = Mapping.file(fd.number(), IORING_OFF_SQES, entryBytes, prot, flags);
            return new IoUring(features, mode, fd, rings, entries, params);
        } catch (RuntimeException | Error e) {
            if (rings != null) {
                rings.close();
            }
            fd.close();
            throw e;
        }
    }

    /**
     * Makes the calling thread the ring's owner. From here on the kernel takes nothing else of it than what {@link RingLimits}
     * names: a ring could open files and connect sockets past any filter of system calls.
     */
    public void enable() {
        RingLimits.set(fd.number());
        int rc = IoUringSyscalls.register(fd.number(), IORING_REGISTER_ENABLE_RINGS, 0, 0);
        if (rc < 0) {
            throw new ErrnoException("io_uring_register(ENABLE_RINGS)", -rc);
        }
        registerRingFd();
    }

    /** Spares the kernel a look-up in each call (Linux 5.18); goes without where it cannot be had. */
    private void registerRingFd() {
        scratch.set(ValueLayout.JAVA_LONG, UPDATE_OFFSET, 0xFFFF_FFFFL); // offset −1: any free index
        scratch.set(ValueLayout.JAVA_LONG, UPDATE_OFFSET + io_uring_rsrc_update.data, fd.number());
        int rc = IoUringSyscalls.register(
            fd.number(), IORING_REGISTER_RING_FDS, scratch.address() + UPDATE_OFFSET, 1);
        if (rc == 1) {
            enterFd = scratch.get(ValueLayout.JAVA_INT, UPDATE_OFFSET);
            enterFlags = IORING_ENTER_REGISTERED_RING;
        }
    }

    public KernelFeatures features() {
        return features;
    }

    public SubmissionQueue submissionQueue() {
        return sq;
    }

    public CompletionQueue completionQueue() {
        return cq;
    }

    /** Whether there is something to harvest, or the kernel has more at {@link #submit}. Looks at memory only. */
    public boolean hasCompletions() {
        return cq.ready() != 0 || kernelHasMore();
    }

    private boolean kernelHasMore() {
        return (sq.flagsOpaque() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
    }

    /**
     * Hands all filled entries to the kernel, and lets it finish what it has put off for us. Does not wait, and makes no
     * call when there is nothing to do.
     *
     * @return how many calls were made
     */
    public int submit() {
        boolean harvest = kernelHasMore();
        int pending = sq.publish();
        if (sqPoll) {
            int flags = sqPollFlags(pending) | (harvest ? IORING_ENTER_GETEVENTS : 0);
            if (flags != 0) {
                enter(0, 0, flags, 0, 0);
            }
            return flags == 0 ? 0 : 1;
        }
        if (pending == 0 && !harvest) {
            return 0;
        }
        enter(pending, 0, harvest ? IORING_ENTER_GETEVENTS : 0, 0, 0);
        return 1;
    }

    /** The kernel's thread has the entries with their publication. What it takes to have it look at them. */
    private int sqPollFlags(int pending) {
        if (pending == 0) {
            return 0;
        }
        sq.consumed(pending);
        // Store of the tail above, then load of its flag below; weaker, and it sleeps over entries that it did not see.
        VarHandle.fullFence();
        return (sq.flagsOpaque() & IORING_SQ_NEED_WAKEUP) == 0 ? 0 : IORING_ENTER_SQ_WAKEUP;
    }

    /**
     * As {@link #submit}, and returns when the kernel has looked at the entries: descriptors in them may then be closed, and
     * their numbers be others'.
     */
    public void submitFully() {
        submit();
        while (sqPoll && !sq.isConsumed()) {
            Thread.yield(); // its thread is awake, and on its way to a processor
        }
    }

    /**
     * Asks the device for completions, with IO_POLL; hands all filled entries over with the same call. Does not wait.
     */
    public void submitAndPoll() {
        enter(sq.publish(), 0, IORING_ENTER_GETEVENTS, 0, 0);
    }

    /**
     * Hands all filled entries to the kernel and waits until at least one completion is there, or time is up, or a
     * signal arrives.
     */
    public void submitAndWait(long timeoutNs) {
        int pending = sq.publish();
        int flags = IORING_ENTER_GETEVENTS;
        if (sqPoll) {
            flags |= sqPollFlags(pending);
            pending = 0;
        }
        if (timeoutNs == NO_TIMEOUT) {
            enter(pending, 1, flags, 0, 0);
        } else {
            scratch.set(ValueLayout.JAVA_LONG, TIMESPEC_OFFSET, timeoutNs / NS_PER_SECOND);
            scratch.set(ValueLayout.JAVA_LONG, TIMESPEC_OFFSET + __kernel_timespec.tv_nsec, timeoutNs % NS_PER_SECOND);
            enter(pending, 1, flags | IORING_ENTER_EXT_ARG, getEventsArg, io_uring_getevents_arg.sizeof);
        }
    }

    private void enter(int toSubmit, int minComplete, int flags, long arg, long argBytes) {
        int rc = IoUringSyscalls.enter(enterFd, toSubmit, minComplete, flags | enterFlags, arg, argBytes);
        if (rc >= 0) {
            sq.consumed(rc); // 0 with SQ_POLL, which takes entries by itself
        } else if (rc != -Errno.EINTR && rc != -Errno.ETIME && rc != -Errno.EAGAIN && rc != -Errno.EBUSY) {
            // EAGAIN and EBUSY: short of memory or of room for completions; entries stay, the next call has them again.
            throw new ErrnoException("io_uring_enter(to_submit=" + toSubmit + ", min_complete=" + minComplete + ")", -rc);
        }
    }

    /**
     * Registers a table of {@code count} empty places for files.
     *
     * @return whether the kernel had it
     */
    public boolean registerFileTable(int count) {
        try (Arena confined = Arena.ofConfined()) {
            MemorySegment table = confined.allocate((long) Integer.BYTES * count, Integer.BYTES);
            table.fill((byte) FREE_FILE);
            fileTable = IoUringSyscalls.register(fd.number(), IORING_REGISTER_FILES, table.address(), count) >= 0;
            return fileTable;
        }
    }

    /**
     * Puts a file into the table: IOSQE_FIXED_FILE with {@code index} is it from then on.
     *
     * @param file descriptor, or −1 to empty the place
     * @return 0 or −errno
     */
    public int updateFile(int index, int file) {
        if (!fileTable) {
            return -Errno.ENXIO;
        }
        scratch.set(ValueLayout.JAVA_INT, UPDATE_FD_OFFSET, file);
        scratch.set(ValueLayout.JAVA_LONG, UPDATE_OFFSET, index & 0xFFFF_FFFFL);
        scratch.set(ValueLayout.JAVA_LONG, UPDATE_OFFSET + io_uring_rsrc_update.data, scratch.address() + UPDATE_FD_OFFSET);
        int rc = IoUringSyscalls.register(
            fd.number(), IORING_REGISTER_FILES_UPDATE, scratch.address() + UPDATE_OFFSET, 1);
        return Math.min(rc, 0);
    }

    /**
     * Registers a table of {@code count} empty places for buffers (Linux 5.19).
     *
     * @return 0 or −errno
     */
    public int registerBufferTable(int count) {
        try (Arena confined = Arena.ofConfined()) {
            MemorySegment table = confined.allocate(io_uring_rsrc_register.sizeof, Long.BYTES);
            table.set(ValueLayout.JAVA_INT, io_uring_rsrc_register.nr, count);
            table.set(ValueLayout.JAVA_INT, io_uring_rsrc_register.flags, IORING_RSRC_REGISTER_SPARSE);
            return Math.min(0, IoUringSyscalls.register(
                fd.number(), IORING_REGISTER_BUFFERS2, table.address(), (int) io_uring_rsrc_register.sizeof));
        }
    }

    /**
     * Pins memory and puts it into the table, for IORING_OP_READ_FIXED and IORING_OP_WRITE_FIXED. Allocates nothing.
     *
     * @param byteSize at most 1 GiB
     * @return 0 or −errno, −ENOMEM where the memlock limit is in the way
     */
    public int updateBuffer(int index, long address, long byteSize) {
        scratch.set(ValueLayout.JAVA_LONG, BUFFER_IOVEC_OFFSET, address);
        scratch.set(ValueLayout.JAVA_LONG, BUFFER_IOVEC_OFFSET + Long.BYTES, byteSize);
        scratch.set(ValueLayout.JAVA_LONG, BUFFER_UPDATE_OFFSET + io_uring_rsrc_update2.offset, index & 0xFFFF_FFFFL);
        scratch.set(ValueLayout.JAVA_LONG, BUFFER_UPDATE_OFFSET + io_uring_rsrc_update2.data,
            scratch.address() + BUFFER_IOVEC_OFFSET);
        scratch.set(ValueLayout.JAVA_LONG, BUFFER_UPDATE_OFFSET + io_uring_rsrc_update2.tags, 0L);
        scratch.set(ValueLayout.JAVA_LONG, BUFFER_UPDATE_OFFSET + io_uring_rsrc_update2.nr, 1L);
        int rc = IoUringSyscalls.register(fd.number(), IORING_REGISTER_BUFFERS_UPDATE,
            scratch.address() + BUFFER_UPDATE_OFFSET, (int) io_uring_rsrc_update2.sizeof);
        return Math.min(rc, 0);
    }

    /** Lets go of the table and all memory in it: 0 or −errno. */
    public int unregisterBuffers() {
        return Math.min(0, IoUringSyscalls.register(fd.number(), IORING_UNREGISTER_BUFFERS, 0, 0));
    }

    /** Ends the ring. Once more does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        rings.close();
        entries.close();
        arena.close();
        fd.close();
    }
}
