// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileStatus;
import dev.miraflores.linux.Landlock;
import dev.miraflores.linux.Privileges;
import dev.miraflores.linux.Storage;

/**
 * A disk image or block device that was opened, found fit to be a disk, and locked.
 * <p>Thread: any; what it says never changes, but for the size, which {@link #resize} changes.
 * <p>Lifetime: until {@link #close}, which every link to it must precede.
 */
public final class BlockFile implements AutoCloseable {

    /** The unit of a disk's size, whatever its blocks (virtio 1.3 §5.2.4). */
    public static final int SECTOR_BYTES = 512;

    private static final int ANY_WRITE_PERMISSION = 0222;
    private static final int PERMISSIONS = 07777;

    private static final class Log {
        static final System.Logger LOGGER = System.getLogger(BlockFile.class.getName());
    }

    private final String path;
    private final Fd fd;
    /** What the first sync failed with that may have lost something, or 0. */
    private volatile int lostBySync;
    private final CacheMode cache;
    private final boolean readOnly;
    private final boolean locked;
    private volatile long byteSize;
    private final int physicalBlockBytes;
    private final Storage.DirectAlignment alignment;
    private final boolean device;
    private final FileRanges ranges;
    private final WriteGate writeGate = new WriteGate();

    private BlockFile(
            String path, Fd fd, CacheMode cache, boolean readOnly, boolean locked, long byteSize, int physicalBlockBytes,
            Storage.DirectAlignment alignment, boolean device) {
        this.path = path;
        this.fd = fd;
        this.cache = cache;
        this.readOnly = readOnly;
        this.locked = locked;
        this.byteSize = byteSize;
        this.physicalBlockBytes = physicalBlockBytes;
        this.alignment = alignment;
        this.device = device;
        this.ranges = new FileRanges(fd.number(), device,
            device ? Math.max(1, Storage.logicalBlockBytes(fd.number())) : 1,
            alignment == null ? 1 : alignment.offsetBytes());
    }

    /**
     * Opens a raw image: the file's bytes are the disk's.
     *
     * @throws DriveException where it is missing, no file or device, not permitted, of an odd size, or in use
     */
    public static BlockFile open(String path, CacheMode cache, boolean readOnly) {
        return open(path, cache, readOnly, true);
    }

    /**
     * Opens a file with an image in some format, which may be of any length.
     *
     * @throws DriveException where it is missing, no file or device, not permitted, or in use
     */
    public static BlockFile openContainer(String path, CacheMode cache, boolean readOnly) {
        return open(path, cache, readOnly, false);
    }

    private static BlockFile open(String path, CacheMode cache, boolean readOnly, boolean isDisk) {
        Fd fd = openFile(path, cache, readOnly, isDisk);
        boolean done = false;
        try {
            FileStatus status = FileIo.fstat(fd.number());
            checkKind(path, status, readOnly);
            // It was there so that a FIFO did not make open(2) wait; left on, io_uring would not wait for the disk.
            FileIo.setStatusFlags(fd.number(), FileIo.statusFlags(fd.number()) & ~Fd.O_NONBLOCK);
            boolean locked = lock(path, fd, readOnly);
            long byteSize = status.isBlockDevice() ? deviceBytes(path, fd, readOnly) : status.byteSize();
            if (isDisk) {
                checkSize(path, byteSize);
            }
            Storage.DirectAlignment alignment = cache.isDirect() ? DirectProbe.alignment(fd.number(), byteSize) : null;
            if (isDisk) {
                checkLastBlock(path, cache, readOnly, byteSize, alignment);
            }
            BlockFile file = new BlockFile(
                path, fd, cache, readOnly, locked, byteSize, physicalBlockBytes(status, fd, alignment), alignment,
                status.isBlockDevice());
            done = true;
            return file;
        } finally {
            if (!done) {
                fd.close();
            }
        }
    }

    /** Something that is no disk, with the behaviour that a test wants; neither checked nor locked. */
    static BlockFile ofAnything(Fd fd, CacheMode cache, long byteSize) {
        return new BlockFile(fd.toString(), fd, cache, false, false, byteSize, SECTOR_BYTES, null, false);
    }

    private static Fd openFile(String path, CacheMode cache, boolean readOnly, boolean isDisk) {
        int flags = (readOnly ? Fd.O_RDONLY : Fd.O_RDWR) | Fd.O_NONBLOCK | (cache.isDirect() ? Fd.O_DIRECT : 0);
        int rc = Fd.tryOpen(path, flags, 0);
        if (rc < 0) {
            throw refusal(path, whyNotOpened(-rc, path, cache, readOnly, isDisk));
        }
        return Fd.adopt(rc);
    }

    private static String whyNotOpened(int errno, String path, CacheMode cache, boolean readOnly, boolean isDisk) {
        if (errno == Errno.ENOENT || errno == Errno.ENOTDIR) {
            return "no such file; create one of 1 GiB with: "
                + (isDisk ? "truncate -s 1G " + path : "qemu-img create -f qcow2 " + path + " 1G");
        }
        if (errno == Errno.EISDIR) {
            return "is a directory; name an image file or a block device";
        }
        if (errno == Errno.EROFS) {
            return "is on a read-only file system; use readonly=on";
        }
        if (errno == Errno.EACCES && Landlock.isRefusing(path, !readOnly)) {
            return "outside of the sandbox; start hv with --sandbox-path " + path + ", or its directory, or with --sandbox off";
        }
        if (errno == Errno.EACCES && Privileges.areGivenUp()) {
            return "permission denied: the sandbox has taken what this user may do with the files of others; name it when hv starts,"
                + " give it to this user with chown, or start with --sandbox off";
        }
        if (errno == Errno.EACCES || errno == Errno.EPERM) {
            return !readOnly && canBeRead(path)
                ? "is read-only for this user; use readonly=on, or allow it with: chmod u+w " + path
                : "permission denied; run as a user who may read " + (readOnly ? "" : "and write ") + "it";
        }
        if (errno == Errno.EINVAL && cache.isDirect()) {
            return "cache=" + cache + " needs O_DIRECT, which its file system does not offer; use cache=writeback";
        }
        if (errno == Errno.ENXIO || errno == Errno.ENODEV || errno == Errno.ENOMEDIUM) {
            return "is no file or block device, or a device without a disk; name an image file or a block device";
        }
        if (errno == Errno.ETXTBSY || errno == Errno.EBUSY) {
            return "in use by the host itself; stop that use, or name another";
        }
        if (errno == Errno.ENAMETOOLONG || errno == Errno.ELOOP) {
            return "no file has such a name (" + Errno.name(errno) + "); check the name";
        }
        return "cannot be opened: " + Errno.name(errno) + " (" + errno + ")";
    }

    private static boolean canBeRead(String path) {
        int rc = Fd.tryOpen(path, Fd.O_RDONLY | Fd.O_NONBLOCK, 0);
        if (rc >= 0) {
            Fd.close(rc);
        }
        return rc >= 0;
    }

    private static void checkKind(String path, FileStatus status, boolean readOnly) {
        if (status.isDirectory()) {
            throw refusal(path, "is a directory; name an image file or a block device");
        }
        if (!status.isRegularFile() && !status.isBlockDevice()) {
            throw refusal(path, "is neither a file nor a block device; name one that is");
        }
        // Root may write what nobody was meant to; who took the permission away meant something by it.
        if (!readOnly && status.isRegularFile() && (status.mode() & ANY_WRITE_PERMISSION) == 0) {
            throw refusal(path, "is read-only (mode 0" + Integer.toOctalString(status.mode() & PERMISSIONS)
                + "); use readonly=on, or allow writing with: chmod u+w " + path);
        }
    }

    private static boolean lock(String path, Fd fd, boolean readOnly) {
        int rc = ImageLock.acquire(fd.number(), !readOnly);
        if (rc == -Errno.EAGAIN || rc == -Errno.EACCES) {
            throw refusal(path, "in use by another hv or process, which "
                + (readOnly ? "writes it; end that one first" : "has it open; end that one, or use readonly=on in both"));
        }
        if (rc < 0) {
            Log.LOGGER.log(System.Logger.Level.INFO,
                "drive " + path + ": not locked, its file system has no such locks: " + Errno.name(-rc));
        }
        return rc == 0;
    }

    private static long deviceBytes(String path, Fd fd, boolean readOnly) {
        long bytes = Storage.deviceBytes(fd.number());
        if (bytes < 0) {
            throw refusal(path, "does not tell its size: BLKGETSIZE64: " + Errno.name((int) -bytes));
        }
        if (!readOnly && Storage.isReadOnly(fd.number()) == 1) {
            throw refusal(path, "is a read-only device; use readonly=on");
        }
        return bytes;
    }

    private static void checkSize(String path, long byteSize) {
        long odd = byteSize % SECTOR_BYTES;
        if (odd != 0) {
            throw refusal(path, "size " + byteSize + " is not a multiple of " + SECTOR_BYTES
                + "; lengthen it with: truncate -s " + (byteSize - odd + SECTOR_BYTES) + " " + path);
        }
    }

    /** A write to a block that only half exists would make the file longer. */
    private static void checkLastBlock(
            String path, CacheMode cache, boolean readOnly, long byteSize, Storage.DirectAlignment alignment) {
        if (!readOnly && alignment != null && byteSize % alignment.offsetBytes() != 0) {
            long rounded = (byteSize / alignment.offsetBytes() + 1) * alignment.offsetBytes();
            throw refusal(path, "size " + byteSize + " is not a multiple of the " + alignment.offsetBytes()
                + " bytes that cache=" + cache + " writes at a time here; use cache=writeback, or lengthen it with:"
                + " truncate -s " + rounded + " " + path);
        }
    }

    private static int physicalBlockBytes(FileStatus status, Fd fd, Storage.DirectAlignment alignment) {
        int told = status.isBlockDevice() ? Storage.physicalBlockBytes(fd.number()) : SECTOR_BYTES;
        int direct = alignment == null ? SECTOR_BYTES : alignment.offsetBytes();
        return Math.max(SECTOR_BYTES, Math.max(told, direct));
    }

    private static DriveException refusal(String path, String reason) {
        return new DriveException("drive " + path + ": " + reason);
    }

    /** As it was given to {@link #open}. */
    public String path() {
        return path;
    }

    /** The descriptor's number. */
    public int number() {
        return fd.number();
    }

    /** Bytes on the disk, a multiple of {@link #SECTOR_BYTES}. */
    public long byteSize() {
        return byteSize;
    }

    /**
     * Takes note of what a sync has come to, 0 or −errno, and answers it. Any thread.
     * <p>When the kernel fails to write pages of its cache back it takes them for clean all the same, tells one sync, and the
     * next succeeds (fsync(2)). What is on the disk is not known from then on: see {@link #syncResult}.
     */
    int noteSync(int result) {
        if (result < 0 && lostBySync == 0 && !cache.isDirect()) {
            lostBySync = result;
        }
        return result;
    }

    /** What is to be told of a sync: that it failed, where one before did, as with QEMU. Any thread. */
    public int syncResult(int result) {
        noteSync(result);
        int lost = lostBySync;
        return lost == 0 ? result : lost;
    }

    public CacheMode cache() {
        return cache;
    }

    /**
     * Looks whether its device can be asked for completions (IORING_SETUP_IOPOLL).
     *
     * @throws DriveException where it cannot, as far as the device says so; a ring of that kind may find out more
     */
    public void checkPolling() {
        PolledDevice.look(this);
    }

    public boolean isReadOnly() {
        return readOnly;
    }

    /** Whether others are kept from it; false only on file systems without locks. */
    public boolean isLocked() {
        return locked;
    }

    /** What the disk below writes without reading first, in bytes, as far as it tells. */
    public int physicalBlockBytes() {
        return physicalBlockBytes;
    }

    /** What O_DIRECT demands, or {@code null} where the page cache is in between. */
    public Storage.DirectAlignment directAlignment() {
        return alignment;
    }

    /** How ranges of it are discarded and zeroed. */
    FileRanges ranges() {
        return ranges;
    }

    /**
     * Makes a file longer, with zeroes, or shorter. A device cannot be made anything: of it, the size that it has by now is
     * taken. Requests beyond the new end fail from then on; whoever makes it shorter sees to it first that there are none.
     * <p>Thread: any, one at a time; waits for the file system.
     *
     * @param newBytes the size to be; not looked at for a device
     * @return the size that it has
     * @throws DriveException where the size is odd, or the file cannot be changed
     */
    public synchronized long resize(long newBytes) {
        long size = device ? deviceBytes(path, fd, readOnly) : newBytes;
        if (size < 0) {
            throw refusal(path, "size " + size + " is none");
        }
        checkNewSize(size);
        if (!device && size != byteSize) {
            if (readOnly) {
                throw refusal(path, "is open with readonly=on and keeps its size");
            }
            int rc = FileIo.ftruncate(fd.number(), size);
            if (rc < 0) {
                throw refusal(path, "cannot be made " + size + " bytes: " + Errno.name(-rc) + " (" + -rc + ")");
            }
        }
        byteSize = size;
        return size;
    }

    private void checkNewSize(long size) {
        int unit = Math.max(SECTOR_BYTES, readOnly || alignment == null ? 1 : alignment.offsetBytes());
        if (size % unit != 0) {
            throw refusal(path, "size " + size + " is not a multiple of " + unit + ", as it has to be"
                + (unit > SECTOR_BYTES ? " with cache=" + cache : ""));
        }
    }

    /** Where writes of all of its links that must not meet wait for one another. */
    WriteGate writeGate() {
        return writeGate;
    }

    /** Unlocks and closes the file. Once more does nothing. */
    @Override
    public void close() {
        if (fd.isOpen()) {
            if (locked) {
                ImageLock.release(fd.number());
            }
            fd.close();
        }
    }

    @Override
    public String toString() {
        return path;
    }
}
