// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Output to a file; no input. What the file held before is gone once a device is connected, not when it is opened: a
 * machine that never came about leaves it as it was.
 */
public final class FileBackend implements CharBackend {

    private final FileChannel file;

    private FileBackend(FileChannel file) {
        this.file = file;
    }

    /** Opens a file, which is made if there is none. */
    public static FileBackend open(Path path) throws IOException {
        return new FileBackend(FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE));
    }

    @Override
    public void connect(CharInput input) {
        try {
            file.truncate(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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
        } catch (IOException e) {
            // Every write has reported its own failure.
        }
    }
}
