// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.util.ArrayList;
import java.util.List;

/**
 * A file that an image may have the rest of its disk from, as the user names it.
 *
 * @param path   of the file
 * @param format of it; {@code null} for the one that the image before it says it has. It is never probed
 */
public record BackingFile(String path, Format format) {

    /** What a backing file may be. */
    public enum Format {
        /** The disk's bytes, one after the other. */
        RAW,
        /** An image, which may have a backing file of its own. */
        QCOW2;

        /** The word for {@code backing.driver=}, which is what images say too. */
        public String word() {
            return this == RAW ? "raw" : "qcow2";
        }

        /** The one with that word, or {@code null}. */
        public static Format of(String word) {
            return "raw".equals(word) ? RAW : "qcow2".equals(word) ? QCOW2 : null;
        }
    }

    /** In the format that the image before it says. */
    public static BackingFile of(String path) {
        return new BackingFile(path, null);
    }

    /** A chain of such files, that next to the image first. */
    public static List<BackingFile> chain(String... paths) {
        List<BackingFile> chain = new ArrayList<>();
        for (String path : paths) {
            chain.add(of(path));
        }
        return List.copyOf(chain);
    }

    /** What names a file of a chain on the command line: {@code backing}, {@code backing.backing} and so on. */
    public static String key(int depth) {
        return "backing" + ".backing".repeat(depth);
    }
}
