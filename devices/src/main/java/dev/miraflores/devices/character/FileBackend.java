// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Output to a file; no input. What the file held before is gone once a device is connected, not when it is opened: a
 * machine that never came about leaves it as it was, or does not leave one where there was none.
 */
public final class FileBackend implements CharBackend {

    // stat(2).
    private static final int S_IFMT = 0170000;
    private static final int S_IFIFO = 0010000;

    private final Path path;
    private final FileChannel file;
    private boolean unused;

    private FileBackend(Path path, FileChannel file, boolean made) {
        this.path = path;
        this.file = file;
        unused = made;
    }

    /**
     * Opens a file, which is made if there is none.
     *
     * @throws IOException where it cannot be, or is a FIFO: that would be waited for until somebody reads it
     */
    public static FileBackend open(Path path) throws IOException {
        if (isFifo(path)) {
            throw new FileSystemException(path.toString(), null, "is a FIFO, which may have no reader");
        }
        try {
            return new FileBackend(path, FileChannel.open(path, WRITE, CREATE_NEW), true);
        } catch (FileAlreadyExistsException e) {
            return new FileBackend(path, FileChannel.open(path, WRITE, CREATE), false);
        }
    }

    private static boolean isFifo(Path path) throws IOException {
        return Files.exists(path) && ((int) Files.getAttribute(path, "unix:mode") & S_IFMT) == S_IFIFO;
    }

    @Override
    public void connect(CharInput input) {
        unused = false;
        try {
            file.truncate(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String describe() {
        return "file";
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        ByteBuffer left = ByteBuffer.wrap(bytes, offset, length);
        while (left.hasRemaining()) {
            file.write(left);
        }
    }

    @Override
    public void close() {
        try {
            file.close();
            if (unused) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            // Every write has reported its own failure.
        }
    }
}
