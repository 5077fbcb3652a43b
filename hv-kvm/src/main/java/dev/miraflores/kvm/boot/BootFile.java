// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * A kernel or an initrd, on disk or in an array. Read at an offset straight into guest memory; never whole into the
 * heap.
 * <p>Thread: one at a time.
 * <p>Lifetime: holds the file open until {@code close}.
 */
public final class BootFile implements AutoCloseable {
    /** A buffer's size is an int; the file's is not. */
    private static final long CHUNK_BYTES = 1L << 30;

    private final String label;
    private final String name;
    private final FileChannel channel;
    private final byte[] content;
    private final long byteSize;

    private BootFile(String role, String name, FileChannel channel, byte[] content, long byteSize) {
        this.label = role.concat(" '").concat(name).concat("'");
        this.name = name;
        this.channel = channel;
        this.content = content;
        this.byteSize = byteSize;
    }

    /**
     * Opens a file.
     *
     * @param role what it is to the user, such as "kernel": begins each message about it
     * @throws BootException when it is not there, not a regular file, empty, or not to be read
     */
    public static BootFile open(String role, Path path) {
        String label = role.concat(" '").concat(path.toString()).concat("'");
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            if (!attributes.isRegularFile()) {
                throw new BootException(label + (attributes.isDirectory() ? " is a directory" : " is not a regular file")
                        + ": give the name of a file");
            }
            if (attributes.size() == 0) {
                throw new BootException(label + " is empty: give another file");
            }
            return new BootFile(role, path.toString(), FileChannel.open(path, StandardOpenOption.READ), null,
                    attributes.size());
        } catch (NoSuchFileException e) {
            throw new BootException(label + " does not exist: check the name");
        } catch (AccessDeniedException e) {
            throw new BootException(label + " may not be read: permission denied; allow it with chmod u+r, or give another file");
        } catch (IOException e) {
            throw unreadable(label, e);
        }
    }

    /** A file that is in the caller's hands already. */
    public static BootFile of(String role, String name, byte[] content) {
        return new BootFile(role, name, null, content, content.length);
    }

    /** Role and name, as messages begin with. */
    String label() {
        return label;
    }

    /** Its path as it was given. */
    public String name() {
        return name;
    }

    /** Its size when it was opened. */
    public long byteSize() {
        return byteSize;
    }

    /**
     * Fills {@code into} from the file's bytes at {@code offset}.
     *
     * @throws BootException when the file ends before that, or cannot be read
     */
    void read(long offset, MemorySegment into) {
        if (content != null) {
            checkRange(offset, into.byteSize());
            MemorySegment.copy(content, (int) offset, into, ValueLayout.JAVA_BYTE, 0, (int) into.byteSize());
            return;
        }
        for (long done = 0; done < into.byteSize(); done += CHUNK_BYTES) {
            long count = Math.min(CHUNK_BYTES, into.byteSize() - done);
            readFully(offset + done, into.asSlice(done, count).asByteBuffer());
        }
    }

    /** {@code count} bytes of the file from {@code offset} on. Throws as {@link #read(long, MemorySegment)}. */
    Fields read(long offset, int count) {
        checkRange(offset, count);
        byte[] bytes = new byte[count];
        if (content != null) {
            System.arraycopy(content, (int) offset, bytes, 0, count);
        } else {
            readFully(offset, ByteBuffer.wrap(bytes));
        }
        return new Fields(bytes);
    }

    /** Whether these bytes are in the file; for any values, {@code byteSize} unsigned. */
    boolean holds(long offset, long byteSize) {
        return offset >= 0 && byteSize >= 0 && offset <= this.byteSize - byteSize;
    }

    private void checkRange(long offset, long count) {
        if (!holds(offset, count)) {
            throw truncated(offset + count);
        }
    }

    private void readFully(long offset, ByteBuffer into) {
        try {
            while (into.hasRemaining()) {
                int count = channel.read(into, offset);
                if (count < 0) {
                    throw truncated(offset + into.remaining());
                }
                offset += count;
            }
        } catch (IOException e) {
            throw unreadable(label, e);
        }
    }

    private BootException truncated(long neededBytes) {
        return new BootException(label + " is truncated: it should have at least "
                + Long.toUnsignedString(neededBytes) + " bytes and has " + byteSize + ": copy it again");
    }

    private static BootException unreadable(String label, IOException e) {
        // The JDK's file exceptions have the path for a message.
        String reason = e instanceof FileSystemException file && file.getReason() != null ? file.getReason() : e.getMessage();
        return new BootException(label + " cannot be read: " + reason + "; give another file");
    }

    @Override
    public void close() {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                throw unreadable(label, e);
            }
        }
    }
}
