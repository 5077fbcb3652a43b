// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.LinkOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/**
 * What an image has its unallocated clusters from: a raw file or another image, only read.
 * <p>Lifetime: until {@link #close}.
 */
sealed interface Backing extends AutoCloseable {

    long byteSize();

    BlockLink attach(Qcow2Image.Home home, LinkOptions options);

    @Override
    void close();

    /**
     * Opens the backing file that {@code header} speaks of, and that the user has named.
     *
     * @param named by the user: the backing file, then its own, and so on
     * @return {@code null} where the image needs none
     */
    static Backing open(String path, Header header, CacheMode cache, List<String> named) {
        if (header.backingName() == null) {
            if (!named.isEmpty()) {
                throw Header.refusal(path, "has no backing file; leave out backing=" + named.get(0));
            }
            return null;
        }
        if (named.isEmpty()) {
            throw Header.refusal(path, "has a backing file, which is opened only where it is named: add backing="
                + header.backingName() + ", or do without it: qemu-img convert -O qcow2 " + path + " NEW");
        }
        String name = named.get(0);
        List<String> others = named.subList(1, named.size());
        checkNotSame(path, name);
        String format = header.backingFormat();
        if ("raw".equals(format)) {
            if (!others.isEmpty()) {
                throw Header.refusal(name, "is raw and has no backing file; leave out backing=" + others.get(0));
            }
            return new Raw(BlockFile.open(name, cache, true));
        }
        if ("qcow2".equals(format)) {
            return new Image(Qcow2Image.open(name, cache, true, others));
        }
        throw Header.refusal(path, (format == null ? "does not say what format its backing file has"
            : "has a backing file in format " + format) + "; raw and qcow2 can be used, and are told it with:"
            + " qemu-img rebase -u -F raw|qcow2 -b " + header.backingName() + " " + path);
    }

    private static void checkNotSame(String path, String name) {
        try {
            if (Files.isSameFile(Path.of(path), Path.of(name))) {
                throw Header.refusal(path, "cannot be its own backing file; name another with backing=");
            }
        } catch (IOException | InvalidPathException e) {
            // whoever opens it says better what is wrong with it
        }
    }

    /** {@code format=raw}. */
    record Raw(BlockFile file) implements Backing {

        @Override
        public long byteSize() {
            return file.byteSize();
        }

        @Override
        public BlockLink attach(Qcow2Image.Home home, LinkOptions options) {
            return home.open(file, options);
        }

        @Override
        public void close() {
            file.close();
        }
    }

    /** {@code format=qcow2}. */
    record Image(Qcow2Image image) implements Backing {

        @Override
        public long byteSize() {
            return image.byteSize();
        }

        @Override
        public BlockLink attach(Qcow2Image.Home home, LinkOptions options) {
            return image.attach(home, options);
        }

        @Override
        public void close() {
            image.close();
        }
    }
}
