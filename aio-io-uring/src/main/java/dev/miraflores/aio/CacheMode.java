// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** What {@code cache=} says about the host's page cache and about when a write is durable; QEMU's words and meaning. */
public enum CacheMode {

    /** Past the page cache; durable after a flush. */
    NONE("none", true, true, true),
    /** Through the page cache; durable after a flush. */
    WRITEBACK("writeback", false, true, true),
    /** Through the page cache; each write is durable when it is complete. */
    WRITETHROUGH("writethrough", false, false, true),
    /** Past the page cache; each write is durable when it is complete. */
    DIRECTSYNC("directsync", true, false, true),
    /** Through the page cache; flushes do nothing, so a crash of the host may lose anything. */
    UNSAFE("unsafe", false, true, false);

    private final String word;
    private final boolean direct;
    private final boolean writeCache;
    private final boolean flushes;

    CacheMode(String word, boolean direct, boolean writeCache, boolean flushes) {
        this.word = word;
        this.direct = direct;
        this.writeCache = writeCache;
        this.flushes = flushes;
    }

    /** The mode that {@code cache=} means by {@code word}, or {@code null}. */
    public static CacheMode of(String word) {
        for (CacheMode mode : values()) {
            if (mode.word.equals(word)) {
                return mode;
            }
        }
        return null;
    }

    /** Whether the file is opened with O_DIRECT. */
    public boolean isDirect() {
        return direct;
    }

    /** Whether a complete write may still be volatile. */
    public boolean hasWriteCache() {
        return writeCache;
    }

    /** Whether a flush reaches the host's disk. */
    public boolean flushes() {
        return flushes;
    }

    /** The word for {@code cache=}. */
    @Override
    public String toString() {
        return word;
    }
}
