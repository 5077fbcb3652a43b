// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static dev.miraflores.aio.qcow2.Qcow2Layout.*;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Reads and checks what is held of an image as long as it is open, and makes a file that is written fit for it. Waits for
 * the disk, so it is done before there is an I/O thread.
 */
final class Opening {

    private final BlockFile file;
    private final String path;
    private final boolean readOnly;
    private final boolean isDevice;
    private long fileBytes;
    private Header header;
    private Geometry geometry;

    private final ClusterSet tableClusters = new ClusterSet();

    Opening(BlockFile file, boolean readOnly) {
        this.file = file;
        this.path = file.path();
        this.readOnly = readOnly;
        FileStatus status = FileIo.fstat(file.number());
        this.isDevice = !status.isRegularFile();
        this.fileBytes = isDevice ? file.byteSize() : status.byteSize();
    }

    /** What the first cluster says. */
    Header readHeader() {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer start = read(arena, 0, Math.min(fileBytes, Header.MIN_BYTES)).asByteBuffer();
            int clusterBytes = Header.clusterBytes(path, start, fileBytes);
            header = Header.parse(path, read(arena, 0, Math.min(fileBytes, clusterBytes)).asByteBuffer(), fileBytes);
        }
        geometry = header.geometry();
        if (!readOnly) {
            checkWritable();
        }
        return header;
    }

    private void checkWritable() {
        String wayOut = "; repair it with: qemu-img check -r all " + path + ", or use readonly=on";
        if ((header.incompatible() & INCOMPATIBLE_CORRUPT) != 0) {
            throw Header.refusal(path, "is marked as corrupt" + wayOut);
        }
        if ((header.incompatible() & INCOMPATIBLE_DIRTY) != 0) {
            throw Header.refusal(path, "was written with lazy refcounts and not closed, so they may be wrong" + wayOut);
        }
        if (header.reftableClusters() == 0) {
            throw Header.refusal(path, "has no refcount table" + wayOut);
        }
    }

    /** Reads the tables; for an image that is written checks them and changes what writing it demands. */
    Metadata read(boolean hasBacking, long l2CacheBytes, long refcountCacheBytes) {
        long[] l1 = readTable(header.l1Offset(), header.l1Entries());
        long[] reftable = readTable(
            header.reftableOffset(), header.reftableClusters() << geometry.clusterBits - 3);
        if (!readOnly) {
            roundFileUp();
            checkTables(l1, reftable);
            clearAutoclearFeatures();
        }
        ImageMemory memory = new ImageMemory(geometry, header.diskBytes(), l2CacheBytes, refcountCacheBytes);
        return new Metadata(path, header,
            new Table(header.l1Offset(), l1, geometry.sliceBytes),
            new Table(header.reftableOffset(), reftable, geometry.sliceBytes),
            tableClusters, readOnly, hasBacking, !isDevice, fileBytes, memory);
    }

    private MemorySegment read(Arena arena, long offset, long byteCount) {
        MemorySegment bytes = arena.allocate(byteCount, Long.BYTES);
        long done = 0;
        while (done < byteCount) {
            long rc = FileIo.pread(file.number(), bytes.asSlice(done), offset + done);
            if (rc < 0 && rc != -Errno.EINTR) {
                throw Header.refusal(path, "cannot be read at offset " + offset + ": " + Errno.name((int) -rc));
            }
            if (rc == 0) {
                break;
            }
            done += Math.max(0, rc);
        }
        return bytes;
    }

    private long[] readTable(long offset, int count) {
        long[] entries = new long[count];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = read(arena, offset, (long) count * ENTRY_BYTES);
            for (int i = 0; i < count; i++) {
                entries[i] = bytes.getAtIndex(Metadata.BE64, i);
            }
        }
        return entries;
    }

    /** Up to whole clusters and whole blocks of the disk below, so that no read or write is of half of one. */
    private void roundFileUp() {
        int unit = Math.max(geometry.clusterBytes, file.directAlignment() == null
            ? 1 : file.directAlignment().offsetBytes());
        long rounded = (fileBytes + unit - 1) / unit * unit;
        if (rounded == fileBytes || isDevice) {
            fileBytes = fileBytes / unit * unit;
            return;
        }
        int rc = FileIo.ftruncate(file.number(), rounded);
        if (rc < 0) {
            throw Header.refusal(path, "cannot be made " + rounded + " bytes long: " + Errno.name(-rc));
        }
        fileBytes = rounded;
    }

    /** No two tables share a cluster. Else one would be written over the other. */
    private void checkTables(long[] l1, long[] reftable) {
        addTable(0, 1, "header");
        addTable(header.l1Offset(), geometry.clusters((long) l1.length * ENTRY_BYTES), "L1 table");
        addTable(header.reftableOffset(), header.reftableClusters(), "refcount table");
        for (long entry : reftable) {
            if (entry != 0) {
                addTable(entry, 1, "refcount block");
            }
        }
        for (long entry : l1) {
            if ((entry & OFFSET_MASK) != 0) {
                addTable(entry & OFFSET_MASK, 1, "L2 table");
            }
        }
    }

    private void addTable(long offset, long clusters, String what) {
        boolean fits = (offset & geometry.clusterMask) == 0 && offset >= 0
            && offset <= fileBytes - (clusters << geometry.clusterBits);
        for (long i = 0; fits && i < clusters; i++) {
            fits = tableClusters.add((offset >>> geometry.clusterBits) + i);
        }
        if (!fits) {
            throw Header.refusal(path, "is damaged: the " + what + " at offset " + Long.toUnsignedString(offset)
                + " is outside the file, or where another table is; repair it with: qemu-img check -r all " + path
                + ", or use readonly=on");
        }
    }

    /** Writes zeroes behind the L1 table, then, in one sector, the header's part that says how large all is. */
    static int writeSize(BlockFile file, Geometry geometry, Table l1, long diskBytes) {
        int entries = (int) Math.max(l1.size(), geometry.l1Entries(diskBytes));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeroes = arena.allocate((long) (entries - l1.size()) * ENTRY_BYTES, Long.BYTES);
            MemorySegment sizes = arena.allocate(L1_SIZE + Integer.BYTES - SIZE, Long.BYTES);
            sizes.set(Metadata.BE64, 0, diskBytes);
            sizes.set(Metadata.BE32, L1_SIZE - SIZE, entries);
            long rc = zeroes.byteSize() == 0 ? 0
                : FileIo.pwrite(file.number(), zeroes, l1.offset() + (long) l1.size() * ENTRY_BYTES);
            rc = rc < 0 ? rc : rc == zeroes.byteSize() ? FileIo.fdatasync(file.number()) : -Errno.EIO;
            rc = rc < 0 ? rc : FileIo.pwrite(file.number(), sizes, SIZE);
            return (int) (rc < 0 ? rc : FileIo.fdatasync(file.number()));
        }
    }

    /** They say that something is consistent with the disk, which it will not be after a write of ours. */
    private void clearAutoclearFeatures() {
        if (header.autoclear() == 0) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            long rc = FileIo.pwrite(file.number(), arena.allocate(Long.BYTES), AUTOCLEAR_FEATURES);
            if (rc != Long.BYTES) {
                throw Header.refusal(path, "cannot be written to: " + Errno.name((int) -rc));
            }
        }
    }
}
