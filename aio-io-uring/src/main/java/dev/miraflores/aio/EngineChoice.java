// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * What a drive does its I/O with: what was wished for, or the first of io_uring, native and threads that is to be had.
 * <p>Thread: any; never changes.
 */
public final class EngineChoice {

    private final EngineKind kind;
    private final String whyNot;

    private EngineChoice(EngineKind kind, String whyNot) {
        this.kind = kind;
        this.whyNot = whyNot;
    }

    /**
     * That of a drive on this host. What the kernel offers is asked once per process.
     *
     * @param wish  {@code null} for the best that is to be had
     * @param cache how the drive uses the page cache, which native engines would wait for
     * @throws DriveException where the wish cannot be met
     */
    public static EngineChoice of(EngineKind wish, CacheMode cache) {
        return of(wish, cache, HostProbe.host());
    }

    static EngineChoice of(EngineKind wish, CacheMode cache, EngineProbe probe) {
        if (wish != null) {
            String whyNot = whyNot(wish, cache, probe);
            if (whyNot != null) {
                throw new DriveException(whyNot + "; or use aio=" + fallBack(cache, probe).kind);
            }
            return new EngineChoice(wish, "");
        }
        return fallBack(cache, probe);
    }

    private static EngineChoice fallBack(CacheMode cache, EngineProbe probe) {
        StringBuilder reasons = new StringBuilder();
        for (EngineKind kind : EngineKind.values()) {
            String whyNot = whyNot(kind, cache, probe);
            if (whyNot == null) {
                return new EngineChoice(kind, reasons.toString());
            }
            reasons.append(reasons.isEmpty() ? "" : "; ").append(whyNot);
        }
        throw new AssertionError("threads are always to be had");
    }

    private static String whyNot(EngineKind kind, CacheMode cache, EngineProbe probe) {
        if (kind == EngineKind.NATIVE && !cache.isDirect()) {
            return "aio=native needs cache=none or cache=directsync, not cache=" + cache;
        }
        String whyNot = probe.whyNot(kind);
        return whyNot == null ? null : "aio=" + kind + ": " + whyNot;
    }

    public EngineKind kind() {
        return kind;
    }

    /** Why better ones were passed over, in one line; empty where none was, or where this one was wished for. */
    public String whyNot() {
        return whyNot;
    }

    @Override
    public String toString() {
        return whyNot.isEmpty() ? kind.word() : kind + " (" + whyNot + ")";
    }
}
