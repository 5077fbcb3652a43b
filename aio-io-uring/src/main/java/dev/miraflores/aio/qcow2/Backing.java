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
     * @param named by the user: the chain of backing files
     * @param depth where in the chain the one of this image is
     * @return {@code null} where the image needs none
     */
    static Backing open(String path, Header header, CacheMode cache, List<BackingFile> named, int depth) {
        String key = BackingFile.key(depth);
        if (header.backingName() == null) {
            if (named.size() > depth) {
                throw Header.refusal(path, "has no backing file; leave out " + key + "=" + named.get(depth).path());
            }
            return null;
        }
        if (named.size() <= depth) {
            throw Header.refusal(path, "has a backing file, which is opened only where it is named: add " + key + "="
                + header.backingName() + ", or do without it: qemu-img convert -O qcow2 " + path + " NEW");
        }
        String name = named.get(depth).path();
        checkNotSame(path, name);
        if (format(path, header, named.get(depth).format(), key) == BackingFile.Format.QCOW2) {
            return new Image(Qcow2Image.openBacking(name, cache, named, depth + 1));
        }
        if (named.size() > depth + 1) {
            throw Header.refusal(name, "is raw and has no backing file; leave out " + BackingFile.key(depth + 1) + "="
                + named.get(depth + 1).path());
        }
        return new Raw(BlockFile.open(name, cache, true));
    }

    /** What the user says counts, as with QEMU; then what the image says. */
    private static BackingFile.Format format(String path, Header header, BackingFile.Format said, String key) {
        String written = header.backingFormat();
        BackingFile.Format format = said == null ? BackingFile.Format.of(written) : said;
        if (format == null) {
            throw Header.refusal(path, (written == null ? "does not say what format its backing file has"
                : "has a backing file in format " + written) + "; raw and qcow2 can be used: add " + key
                + ".driver=raw or " + key + ".driver=qcow2, as it is");
        }
        return format;
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
