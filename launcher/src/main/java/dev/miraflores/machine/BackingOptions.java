// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.qcow2.BackingFile;
import java.util.ArrayList;
import java.util.List;

/**
 * The words of {@code --drive} for the files behind an image, QEMU's and a short one: {@code backing=F} or
 * {@code backing.file.filename=F}, {@code backing.driver=raw|qcow2}; of the file behind that {@code backing.backing=F} and so on.
 * <p>Thread: one. Neither lambdas nor patterns, as in {@link DriveOptions}.
 */
final class BackingOptions {

    private static final String BACKING = "backing";
    private static final String FILE = "file.filename";
    private static final String DRIVER = "driver";

    /** By depth: a path, a format; {@code null} where none is given yet. */
    private final List<String> files = new ArrayList<>();
    private final List<BackingFile.Format> formats = new ArrayList<>();

    /** Takes a pair that is one of these; answers whether it is. */
    boolean take(String key, String value) {
        int depth = -1;
        String rest = key;
        while (rest.equals(BACKING) || rest.startsWith(BACKING + ".")) {
            depth++;
            rest = rest.length() == BACKING.length() ? "" : rest.substring(BACKING.length() + 1);
        }
        if (depth < 0 || rest.isEmpty() && key.endsWith(".")) {
            return false;
        }
        if (depth >= DriveConfig.MAX_BACKING) {
            throw new ConfigException("a chain of more than " + DriveConfig.MAX_BACKING + " backing files;"
                + " make it shorter with: qemu-img rebase");
        }
        switch (rest) {
            case "", FILE -> setFile(depth, value);
            case DRIVER -> setFormat(depth, value);
            default -> {
                return false;
            }
        }
        return true;
    }

    private void grow(int depth) {
        while (files.size() <= depth) {
            files.add(null);
            formats.add(null);
        }
    }

    private void setFile(int depth, String path) {
        String key = BackingFile.key(depth);
        if (path.isEmpty()) {
            throw new ConfigException(key + "=: no file is named; write " + key + "=PATH");
        }
        grow(depth);
        if (files.get(depth) != null) {
            throw new ConfigException(key + " and " + key + "." + FILE + " are the same; leave one");
        }
        files.set(depth, path);
    }

    private void setFormat(int depth, String word) {
        BackingFile.Format format = BackingFile.Format.of(word);
        if (format == null) {
            throw new ConfigException(BackingFile.key(depth) + "." + DRIVER + "=" + word + "; use raw or qcow2");
        }
        grow(depth);
        formats.set(depth, format);
    }

    /** The chain, whole. */
    List<BackingFile> chain() {
        List<BackingFile> chain = new ArrayList<>();
        for (int depth = 0; depth < files.size(); depth++) {
            String key = BackingFile.key(depth);
            if (files.get(depth) == null) {
                throw new ConfigException((formats.get(depth) == null ? BackingFile.key(depth + 1) : key + "." + DRIVER)
                    + " without a file before it; write " + key + "=PATH too");
            }
            chain.add(new BackingFile(files.get(depth), formats.get(depth)));
        }
        return chain;
    }

    /** A chain in these words, for {@code text} to be given pair by pair. */
    static void write(List<BackingFile> chain, DriveText text) {
        for (int depth = 0; depth < chain.size(); depth++) {
            BackingFile file = chain.get(depth);
            text.add(BackingFile.key(depth), file.path(), null);
            text.add(BackingFile.key(depth) + "." + DRIVER, file.format() == null ? null : file.format().word(), null);
        }
    }
}
