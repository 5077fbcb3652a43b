// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
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

    private final Path path;
    private final FileChannel file;
    private boolean unused;

    private FileBackend(Path path, FileChannel file, boolean made) {
        this.path = path;
        this.file = file;
        unused = made;
    }

    /** Opens a file, which is made if there is none. */
    public static FileBackend open(Path path) throws IOException {
        try {
            return new FileBackend(path, FileChannel.open(path, WRITE, CREATE_NEW), true);
        } catch (FileAlreadyExistsException e) {
            return openExisting(path);
        }
    }

    /** A pipe that nobody reads would be waited for, for ever and without a word. */
    private static FileBackend openExisting(Path path) throws IOException {
        int number = Fd.tryOpen(path.toString(), Fd.O_WRONLY | Fd.O_NONBLOCK, 0);
        if (number == -Errno.ENXIO) {
            throw new FileSystemException(path.toString(), null, "a pipe that nobody reads, or a socket: start its reader first");
        }
        // Held meanwhile, so that a reader does not see an end.
        try (Fd _ = number < 0 ? null : Fd.adopt(number)) {
            return new FileBackend(path, FileChannel.open(path, WRITE, CREATE), false);
        }
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
