// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileIo.Lock;

/**
 * The lock on an image, understood by QEMU and its tools as theirs is by us: open file description locks on bytes that
 * stand for what a user does to an image, and for what it lets nobody else do.
 * <pre>  100 + n   shared lock: I do n
 *   200 + n   shared lock: nobody else may do n
 *   n = 0 read consistent data, 1 write, 2 write what is there already, 3 resize </pre>
 * All locks are shared ones, so taking them never fails; then each side looks whether anybody holds the opposite. Two
 * that start at once may both see each other and both give up, but never both go on.
 * <p>Source: fcntl(2), "Open file description locks"; QEMU's documentation of image locking (docs/system/images).
 */
final class ImageLock {

    private static final long DOES = 100;
    private static final long FORBIDS = 200;

    private static final int READ = 1;
    private static final int WRITE = 1 << 1;
    private static final int WRITE_UNCHANGED = 1 << 2;
    private static final int RESIZE = 1 << 3;
    private static final int ALL = READ | WRITE | WRITE_UNCHANGED | RESIZE;
    private static final int BITS = 4;

    private ImageLock() {
    }

    /**
     * Locks the image: as one that reads it, and that nobody else may write; or as its only writer.
     *
     * @return 0; −EAGAIN when someone else has it in a way that excludes this one; −ENOLCK, −EINVAL and the like where the
     *     file system has no such locks
     */
    static int acquire(int fd, boolean writable) {
        int does = writable ? READ | WRITE : READ;
        int forbids = ALL & ~(READ | WRITE_UNCHANGED);
        int rc = lock(fd, DOES, does, Lock.SHARED);
        if (rc == 0) {
            rc = lock(fd, FORBIDS, forbids, Lock.SHARED);
        }
        if (rc == 0) {
            rc = test(fd, FORBIDS, does);
        }
        if (rc == 0) {
            rc = test(fd, DOES, forbids);
        }
        if (rc != 0) {
            release(fd);
        }
        return rc;
    }

    /** Gives the lock back. A close alone would do so only when the kernel drops its last reference, a ring's included. */
    static void release(int fd) {
        lock(fd, DOES, ALL, Lock.NONE);
        lock(fd, FORBIDS, ALL, Lock.NONE);
    }

    private static int lock(int fd, long base, int bits, Lock lock) {
        for (int n = 0; n < BITS; n++) {
            if ((bits >>> n & 1) != 0) {
                int rc = FileIo.openFileLock(fd, lock, base + n, 1);
                if (rc < 0) {
                    return rc;
                }
            }
        }
        return 0;
    }

    /** Whether others hold any of the bytes; an exclusive lock would conflict with each of theirs. */
    private static int test(int fd, long base, int bits) {
        for (int n = 0; n < BITS; n++) {
            if ((bits >>> n & 1) != 0) {
                int rc = FileIo.testOpenFileLock(fd, Lock.EXCLUSIVE, base + n, 1);
                if (rc != 0) {
                    return rc < 0 ? rc : -Errno.EAGAIN;
                }
            }
        }
        return 0;
    }
}
