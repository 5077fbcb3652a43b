// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A qcow2 image, opened, checked and locked.
 * <p>Thread: {@link #open}, {@link #close} and what the image says of itself, any; {@link #attach}, the I/O thread that the
 * link is for. All links of an image are on one I/O thread, which holds its metadata.
 * <p>Lifetime: until {@link #close}, after that of every link, which writes what is only in memory.
 */
public final class Qcow2Image implements AutoCloseable {

    private static final long L2_CACHE_BYTES = 16L << 20;
    private static final long REFCOUNT_CACHE_BYTES = 4L << 20;
    /** Requests of the metadata's own under way at once. */
    private static final int METADATA_DEPTH = 64;
    private static final int CLOSE_ROUNDS = 4;
    private static final long CLOSE_DEADLINE_NS = TimeUnit.SECONDS.toNanos(30);

    private static final class Log {
        static final System.Logger LOGGER = System.getLogger(Qcow2Image.class.getName());
    }

    private final BlockFile file;
    private final Backing backing;
    private final Metadata metadata;
    private final boolean canBeResized;
    private volatile long byteSize;
    /** Held by who resizes. */
    private final Object resizing = new Object();

    /** Where links are: {@code null} where there is none, and nothing of theirs is under way. Guarded by this. */
    private Home home;
    private boolean closed;

    /** What requests of one link after the other lie in, and the same with our own memory. */
    private IoMemory lastGuestMemory;
    private IoMemory lastMemory;

    /** How a link gets at a file. */
    interface Home {
        BlockLink open(BlockFile target, LinkOptions options);

        BlockLink open(Backing target, LinkOptions options);

        /** Runs {@code action} there, and waits until it has. */
        void call(Runnable action);

        /** Runs {@code action} soon, not within what runs now. */
        void execute(Runnable action);

        boolean isSameAs(Home other);

        String name();
    }

    private int users;

    private Qcow2Image(BlockFile file, Backing backing, Metadata metadata, boolean canBeResized) {
        this.file = file;
        this.backing = backing;
        this.metadata = metadata;
        this.canBeResized = canBeResized;
        this.byteSize = metadata.diskBytes();
    }

    /**
     * Opens an image. A backing file is opened only where it is named here, whatever the image says.
     *
     * @param backing the backing file, its backing file, and so on; they are only read
     * @throws DriveException where the image cannot be used, in one line
     */
    public static Qcow2Image open(String path, CacheMode cache, boolean readOnly, List<BackingFile> backing) {
        return open(path, cache, readOnly, backing, L2_CACHE_BYTES, REFCOUNT_CACHE_BYTES);
    }

    /** One in a chain of backing files: {@code chain} has its own at {@code depth}. */
    static Qcow2Image openBacking(String path, CacheMode cache, List<BackingFile> chain, int depth) {
        return open(path, cache, true, chain, depth, L2_CACHE_BYTES, REFCOUNT_CACHE_BYTES);
    }

    /** As the other, with caches of another size. */
    static Qcow2Image open(
            String path, CacheMode cache, boolean readOnly, List<BackingFile> backing, long l2CacheBytes,
            long refcountCacheBytes) {
        return open(path, cache, readOnly, backing, 0, l2CacheBytes, refcountCacheBytes);
    }

    private static Qcow2Image open(
            String path, CacheMode cache, boolean readOnly, List<BackingFile> backing, int depth, long l2CacheBytes,
            long refcountCacheBytes) {
        BlockFile file = BlockFile.openContainer(path, cache, readOnly);
        Backing opened = null;
        boolean done = false;
        try {
            setDirect(file, false);
            Opening opening = new Opening(file, readOnly);
            Header header = opening.readHeader();
            opened = Backing.open(path, header, cache, backing, depth);
            Metadata metadata = opening.read(opened != null, l2CacheBytes, refcountCacheBytes);
            setDirect(file, true);
            // Snapshots of version 2 have no size of their own.
            Qcow2Image image = new Qcow2Image(file, opened, metadata,
                header.snapshots() == 0 || header.geometry().version >= 3);
            done = true;
            return image;
        } finally {
            if (!done) {
                if (opened != null) {
                    opened.close();
                }
                file.close();
            }
        }
    }

    /** Opening and closing read and write a few bytes here and there, which O_DIRECT does not like. */
    private static void setDirect(BlockFile file, boolean direct) {
        if (file.cache().isDirect()) {
            int flags = FileIo.statusFlags(file.number());
            FileIo.setStatusFlags(file.number(), direct ? flags | Fd.O_DIRECT : flags & ~Fd.O_DIRECT);
        }
    }

    public String path() {
        return file.path();
    }

    /** Bytes on the disk, a multiple of 512. */
    public long byteSize() {
        return byteSize;
    }

    public boolean isReadOnly() {
        return metadata.readOnly;
    }

    /** How its file is cached. */
    public CacheMode cache() {
        return file.cache();
    }

    /** What the disk below writes without reading first, in bytes. */
    public int physicalBlockBytes() {
        return file.physicalBlockBytes();
    }

    /** What is allocated at once, in bytes. */
    public int clusterBytes() {
        return metadata.geometry.clusterBytes;
    }

    /**
     * A link to the disk on {@code thread}, the same for all that there are at a time.
     *
     * @throws DriveException where there are links on another
     */
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return attach(new ThreadHome(thread), options);
    }

    /** A link that does everything at once. */
    BlockLink attachSynchronously(LinkOptions options) {
        return attach(new SyncHome(), options);
    }

    BlockLink attach(Home wanted, LinkOptions options) {
        synchronized (this) {
            if (home != null && !home.isSameAs(wanted)) {
                throw new DriveException("drive " + file + ": a qcow2 image is served by one I/O thread, which is "
                    + home.name() + ", not " + wanted.name() + "; use iothreads=1, or format=raw");
            }
            home = wanted;
        }
        if (users == 0) {
            attachMetadata(wanted, options);
        }
        users++;
        BlockLink data = null;
        try {
            IoMemory memory = memory(options.memory());
            LinkOptions withOurs = new LinkOptions(
                memory, options.depth(), options.registerMemory(), options.counters(), options.engine());
            data = wanted.open(file, withOurs);
            BlockLink behind = backing == null ? null : wanted.open(backing, withOurs);
            return new Qcow2Link(this, metadata, options.depth(), memory, data, behind,
                backing == null ? 0 : backing.byteSize());
        } catch (RuntimeException | Error e) {
            if (data != null) {
                data.close();
            }
            released();
            throw e;
        }
    }

    private void attachMetadata(Home wanted, LinkOptions options) {
        BlockLink link = metadata.takeLink(); // of those that have only just gone
        if (link == null) {
            try {
                // Counted where the first queue's are: what is given back to the file goes this way.
                link = wanted.open(file, new LinkOptions(IoMemory.of(List.of(metadata.memory.all())), METADATA_DEPTH,
                    false, options.counters(), options.engine()));
            } catch (RuntimeException | Error e) {
                leaveHome();
                throw e;
            }
        }
        metadata.attach(link);
    }

    private synchronized void leaveHome() {
        home = null;
        notifyAll();
    }

    /** Queues of one disk have the same memory, and have to say so with the same object to share its registration. */
    private IoMemory memory(IoMemory guest) {
        if (guest != lastGuestMemory) {
            lastGuestMemory = guest;
            lastMemory = guest.plus(metadata.memory.all());
        }
        return lastMemory;
    }

    /** A link has been closed, or was not to be had. */
    void released() {
        if (--users == 0) {
            metadata.detach(new Release());
        }
    }

    /** The metadata's link is closed when nothing is under way there any more; not within a completion of its own. */
    private final class Release implements Runnable {
        private boolean queued;

        @Override
        public void run() {
            if (!queued) {
                queued = true;
                home.execute(this);
                return;
            }
            if (users != 0 || !metadata.isIdle()) {
                return; // somebody has come meanwhile, and uses it, or will see to it
            }
            metadata.takeLink().close();
            leaveHome();
        }
    }

    /**
     * Makes the disk larger, as far as its L1 table's clusters go. No request is under way on any link meanwhile. Waits for
     * the host's disk, so not on an I/O thread.
     *
     * @return its size, which is {@code newBytes}
     * @throws DriveException where it cannot be, in one line
     */
    public long resize(long newBytes) {
        synchronized (resizing) {
            return newBytes == byteSize ? byteSize : grow(newBytes);
        }
    }

    private long grow(long newBytes) {
        String whyNot = whyNotResized(newBytes);
        if (whyNot != null) {
            throw new DriveException("drive " + file + ": cannot be resized to " + newBytes + " bytes: " + whyNot
                + "; end its use and do it with: qemu-img resize " + file + " " + newBytes);
        }
        setDirect(file, false);
        int rc = Opening.writeSize(file, metadata.geometry, metadata.l1, newBytes);
        setDirect(file, true);
        if (rc < 0) {
            throw new DriveException("drive " + file + ": cannot be resized: " + Errno.name(-rc));
        }
        Runnable grown = () -> metadata.grown(newBytes);
        Home there;
        synchronized (this) {
            there = home;
            if (there == null) {
                grown.run();
            }
        }
        if (there != null) {
            there.call(grown); // without the lock, which that thread may want
        }
        byteSize = newBytes;
        return newBytes;
    }

    private String whyNotResized(long newBytes) {
        Geometry geometry = metadata.geometry;
        long room = geometry.clusters((long) metadata.l1.size() * Qcow2Layout.ENTRY_BYTES) << geometry.clusterBits - 3;
        if (newBytes < byteSize) {
            return "it would become smaller";
        }
        if (metadata.readOnly || metadata.isCorrupt() || newBytes % BlockFile.SECTOR_BYTES != 0) {
            return metadata.readOnly ? "it is read-only" : metadata.isCorrupt() ? "it is corrupt" : "no multiple of 512";
        }
        if (backing != null || !canBeResized || (byteSize & geometry.clusterMask) != 0) {
            // What is behind the end of the disk is not known to be zero.
            return backing != null ? "it has a backing file" : canBeResized ? "it does not end with a cluster"
                : "it has snapshots of version 2";
        }
        return geometry.l1Entries(newBytes) > room ? "its L1 table has no room" : null;
    }

    /** Writes what is only in memory, and closes the file and its backing file. Once more does nothing. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        if (!awaitRelease()) {
            Log.LOGGER.log(System.Logger.Level.ERROR, "drive " + file
                + ": its I/O does not end, so it stays open; repair it with: qemu-img check -r all " + file);
            return;
        }
        if (!metadata.readOnly) {
            writeAll();
        }
        metadata.close();
        file.close();
        if (backing != null) {
            backing.close();
        }
    }

    private synchronized boolean awaitRelease() {
        long deadline = System.nanoTime() + CLOSE_DEADLINE_NS;
        boolean interrupted = false;
        while (home != null) {
            long leftNs = deadline - System.nanoTime();
            if (leftNs <= 0) {
                break;
            }
            try {
                TimeUnit.NANOSECONDS.timedWait(this, leftNs);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return home == null;
    }

    private void writeAll() {
        setDirect(file, false);
        int result = 0;
        try (SyncLink link = new SyncLink(file, file.cache().flushes())) {
            metadata.attach(link);
            // Once for the tables, once more for the refcounts of what they do not point to any more.
            for (int i = 0; i < CLOSE_ROUNDS && result == 0 && !metadata.isClean(); i++) {
                result = new FlushTask(metadata).result();
            }
            metadata.detach(() -> { });
            metadata.takeLink();
        }
        long usedBytes = metadata.allocator.usedEnd() << metadata.geometry.clusterBits;
        if (result == 0 && usedBytes < metadata.fileBytes() && metadata.space.isGrowable()
                && !metadata.space.isUnsure()) {
            FileIo.ftruncate(file.number(), usedBytes);
        }
        if (result != 0) {
            Log.LOGGER.log(System.Logger.Level.ERROR, "drive " + file + ": what was not flushed is lost: "
                + Errno.name(-result) + "; look at it with: qemu-img check " + file);
        }
    }

    @Override
    public String toString() {
        return file.toString();
    }
}
