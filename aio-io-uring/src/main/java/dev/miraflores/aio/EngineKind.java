// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** What {@code aio=} can name: a way to hand requests to the kernel. In the order in which they are tried. */
public enum EngineKind {

    /** Submission and completion rings that the kernel shares. */
    IO_URING("io_uring"),
    /** Linux AIO: io_submit(2), O_DIRECT only. */
    NATIVE("native"),
    /** Calls that wait, each on a thread of a pool. */
    THREADS("threads");

    private final String word;

    EngineKind(String word) {
        this.word = word;
    }

    /** The kind that {@code aio=} means by {@code word}, or {@code null}. */
    public static EngineKind of(String word) {
        for (EngineKind kind : values()) {
            if (kind.word.equals(word)) {
                return kind;
            }
        }
        return null;
    }

    /** The word for {@code aio=}. */
    public String word() {
        return word;
    }

    @Override
    public String toString() {
        return word;
    }
}
