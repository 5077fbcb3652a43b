// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;

/**
 * What fstat(2) says about a file.
 *
 * @param byteSize of a regular file; 0 for a device
 * @param mode type and permission bits
 * @param blockBytes preferred size of an I/O
 * @param device the file system it is on, which with {@code inode} tells one file from another
 * @param inode its number there
 * @param specialDevice the device it stands for, when it is a device
 * @param allocatedSectors how much of it is allocated, in units of 512 bytes
 */
public record FileStatus(
        long byteSize, int mode, long blockBytes, long device, long inode, long specialDevice, long allocatedSectors) {

    public boolean isRegularFile() {
        return type() == libc_h.S_IFREG;
    }

    public boolean isDirectory() {
        return type() == libc_h.S_IFDIR;
    }

    public boolean isBlockDevice() {
        return type() == libc_h.S_IFBLK;
    }

    public boolean isCharacterDevice() {
        return type() == libc_h.S_IFCHR;
    }

    public boolean isFifo() {
        return type() == libc_h.S_IFIFO;
    }

    public boolean isSocket() {
        return type() == libc_h.S_IFSOCK;
    }

    private int type() {
        return mode & libc_h.S_IFMT;
    }
}
