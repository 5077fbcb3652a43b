// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.flock;
import dev.miraflores.bindings.libc.libc_h;
import dev.miraflores.bindings.libc.stat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * File calls at an offset. All return a result or −errno, and all may do less than asked, as their C namesakes.
 *
 * <p>Thread: any; a file's own position is never used.
 *
 * <p>Source: pread(2), preadv(2), fallocate(2), fdatasync(2), fstat(2), fcntl(2).
 */
public final class FileIo {
    public static final int FALLOC_FL_KEEP_SIZE = libc_h.FALLOC_FL_KEEP_SIZE;
    public static final int FALLOC_FL_PUNCH_HOLE = libc_h.FALLOC_FL_PUNCH_HOLE;
    public static final int FALLOC_FL_ZERO_RANGE = libc_h.FALLOC_FL_ZERO_RANGE;

    /** {@code struct iovec}: le64 address, le64 length. */
    public static final int IOVEC_BYTES = 16;

    /** The most iovecs that one call takes. */
    public static final int IOV_MAX = libc_h.UIO_MAXIOV;

    private static final MemorySegment READ = Libc.symbol("read");
    private static final MemorySegment WRITE = Libc.symbol("write");
    private static final MemorySegment PREAD = Libc.symbol("pread");
    private static final MemorySegment PWRITE = Libc.symbol("pwrite");
    private static final MemorySegment PREADV = Libc.symbol("preadv");
    private static final MemorySegment PWRITEV = Libc.symbol("pwritev");
    private static final MemorySegment SYSCALL = Libc.symbol("syscall");
    private static final MemorySegment FALLOCATE = Libc.symbol("fallocate");
    private static final MemorySegment FDATASYNC = Libc.symbol("fdatasync");
    private static final MemorySegment FTRUNCATE = Libc.symbol("ftruncate");
    private static final MemorySegment FSTAT = Libc.symbol("fstat");
    private static final MemorySegment LSEEK = Libc.symbol("lseek");
    private static final MemorySegment FCNTL = Libc.symbol("fcntl");

    // linux/fcntl.h
    private static final int F_DUPFD_CLOEXEC = 1030;
    /** Above standard input, output and error. */
    private static final int FIRST_COPY = 3;

    private FileIo() {}

    /** Reads from a stream, such as a terminal or a pipe, into all of {@code into}: bytes read, 0 at the end, or −errno. */
    public static long read(int fd, MemorySegment into) {
        long rc = Libc.callLong(READ, fd, Addresses.of(into), into.byteSize(), 0);
        Reference.reachabilityFence(into);
        return rc;
    }

    /** As {@link #read(int, MemorySegment)}, into memory that the caller vouches for: it has to be there throughout. */
    public static long read(int fd, long address, long byteSize) {
        return Libc.callLong(READ, fd, address, byteSize, 0);
    }

    /** Writes to a stream: bytes written or −errno. */
    public static long write(int fd, MemorySegment from) {
        long rc = Libc.callLong(WRITE, fd, Addresses.of(from), from.byteSize(), 0);
        Reference.reachabilityFence(from);
        return rc;
    }

    /** Reads into all of {@code into}: bytes read, 0 at the file's end, or −errno. */
    public static long pread(int fd, MemorySegment into, long offset) {
        long rc = Libc.callLong(PREAD, fd, Addresses.of(into), into.byteSize(), offset);
        Reference.reachabilityFence(into);
        return rc;
    }

    /** Writes all of {@code from}: bytes written or −errno. */
    public static long pwrite(int fd, MemorySegment from, long offset) {
        long rc = Libc.callLong(PWRITE, fd, Addresses.of(from), from.byteSize(), offset);
        Reference.reachabilityFence(from);
        return rc;
    }

    /** As {@link #pread(int, MemorySegment, long)}, into memory that the caller vouches for: it has to be there throughout. */
    public static long pread(int fd, long address, long byteSize, long offset) {
        return Libc.callLong(PREAD, fd, address, byteSize, offset);
    }

    /** As {@link #pwrite(int, MemorySegment, long)}, from memory that the caller vouches for. */
    public static long pwrite(int fd, long address, long byteSize, long offset) {
        return Libc.callLong(PWRITE, fd, address, byteSize, offset);
    }

    /**
     * Reads into {@code iovecCount} buffers: bytes read, 0 at the file's end, or −errno.
     *
     * @param iovecs address of an array of {@code struct iovec}, which the kernel only reads
     */
    public static long preadv(int fd, long iovecs, int iovecCount, long offset) {
        return Libc.callLong(PREADV, fd, iovecs, iovecCount, offset);
    }

    /** Writes from {@code iovecCount} buffers: bytes written or −errno. */
    public static long pwritev(int fd, long iovecs, int iovecCount, long offset) {
        return Libc.callLong(PWRITEV, fd, iovecs, iovecCount, offset);
    }

    /**
     * Reads from a stream, a packet socket or a tap into {@code iovecCount} buffers: bytes read or −errno. As {@link #preadv}, without
     * an offset.
     */
    public static long readv(int fd, long iovecs, int iovecCount) {
        return Libc.callLong(SYSCALL, SyscallNumber.READV, fd, iovecs, iovecCount, 0, 0, 0);
    }

    /** Writes to a stream, a packet socket or a tap from {@code iovecCount} buffers: bytes written or −errno. */
    public static long writev(int fd, long iovecs, int iovecCount) {
        return Libc.callLong(SYSCALL, SyscallNumber.WRITEV, fd, iovecs, iovecCount, 0, 0, 0);
    }

    /** As {@link #pwritev}, with {@code RWF_…} flags such as {@link Storage#RWF_DSYNC}. */
    public static long pwritev2(int fd, long iovecs, int iovecCount, long offset, int flags) {
        // The system call takes the offset in two halves, of which a 64-bit kernel looks only at the first, whole.
        return Libc.callLong(SYSCALL, libc_h.SYS_pwritev2, fd, iovecs, iovecCount, offset, 0, flags);
    }

    /** Allocates, zeroes or punches a range, by {@code FALLOC_FL_…}: 0 or −errno. */
    public static int fallocate(int fd, int mode, long offset, long byteSize) {
        return Libc.callInt(FALLOCATE, fd, mode, offset, byteSize);
    }

    /** Makes the file's data durable, and of its metadata what is needed to read it back: 0 or −errno. */
    public static int fdatasync(int fd) {
        return Libc.callInt(FDATASYNC, fd);
    }

    /** Sets the file's size: 0 or −errno. */
    public static int ftruncate(int fd, long byteSize) {
        return Libc.callInt(FTRUNCATE, fd, byteSize);
    }

    /**
     * Where the file's first data are from {@code offset} on: what is before that is a hole, which reads as zeroes. Moves the
     * file's position, which nothing here uses.
     *
     * @return bytes from the file's start; −ENXIO where there are no data any more; or another −errno
     */
    public static long seekData(int fd, long offset) {
        return Libc.callLong(LSEEK, fd, offset, libc_h.SEEK_DATA, 0);
    }

    /** What is behind an open descriptor. Throws when there is none. */
    public static FileStatus fstat(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment status = stat.allocate(arena);
            int rc = Libc.callInt(FSTAT, fd, status.address());
            if (rc < 0) {
                throw new ErrnoException("fstat(fd=" + fd + ")", -rc);
            }
            return new FileStatus(
                    stat.st_size(status), stat.st_mode(status), stat.st_blksize(status),
                    stat.st_dev(status), stat.st_ino(status), stat.st_rdev(status), stat.st_blocks(status));
        }
    }

    /** The descriptor's status flags ({@code O_…}) or −errno: fcntl(F_GETFL). */
    public static int statusFlags(int fd) {
        return Libc.callInt(FCNTL, fd, libc_h.F_GETFL);
    }

    /** Sets the descriptor's status flags, of which {@code O_NONBLOCK} and {@code O_DIRECT} can change: 0 or −errno. */
    public static int setStatusFlags(int fd, int flags) {
        return Libc.callInt(FCNTL, fd, libc_h.F_SETFL, flags);
    }

    /** Another descriptor of the same open file, closed where this process becomes another program: its number or −errno. */
    public static int duplicate(int fd) {
        return Libc.callInt(FCNTL, fd, F_DUPFD_CLOEXEC, FIRST_COPY);
    }

    /** Has the descriptor be closed where this process becomes, or starts, another program: 0 or −errno. */
    public static int setCloseOnExec(int fd) {
        return Libc.callInt(FCNTL, fd, libc_h.F_SETFD, libc_h.FD_CLOEXEC);
    }

    /**
     * Takes, changes or gives back a lock on a byte range, without waiting. The lock belongs to the open file
     * description: another open of the file, in this process or elsewhere, conflicts; duplicates share it; it ends with
     * the last of them. Ranges may lie beyond the file's end.
     *
     * @return 0, −EAGAIN when someone else's lock is in the way, or another −errno
     */
    public static int openFileLock(int fd, Lock lock, long offset, long byteSize) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment range = lockRange(arena, lock, offset, byteSize);
            return Libc.callInt(FCNTL, fd, libc_h.F_OFD_SETLK, range.address());
        }
    }

    /** Whether {@link #openFileLock} would find someone else's lock in its way: 1 if so, 0 if not, or −errno. */
    public static int testOpenFileLock(int fd, Lock lock, long offset, long byteSize) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment range = lockRange(arena, lock, offset, byteSize);
            int rc = Libc.callInt(FCNTL, fd, libc_h.F_OFD_GETLK, range.address());
            return rc < 0 ? rc : flock.l_type(range) == libc_h.F_UNLCK ? 0 : 1;
        }
    }

    private static MemorySegment lockRange(Arena arena, Lock lock, long offset, long byteSize) {
        MemorySegment range = flock.allocate(arena);
        int type = switch (lock) {
            case SHARED -> libc_h.F_RDLCK;
            case EXCLUSIVE -> libc_h.F_WRLCK;
            case NONE -> libc_h.F_UNLCK;
        };
        flock.l_type(range, (short) type);
        flock.l_whence(range, (short) libc_h.SEEK_SET);
        flock.l_start(range, offset);
        flock.l_len(range, byteSize);
        return range;
    }

    /** What {@link #openFileLock} leaves on the range. */
    public enum Lock {
        /** Many may hold it; needs a descriptor open for reading. */
        SHARED,
        /** One may hold it; needs a descriptor open for writing. */
        EXCLUSIVE,
        /** Gives it back. */
        NONE
    }
}
