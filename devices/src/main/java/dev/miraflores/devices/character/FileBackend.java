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
