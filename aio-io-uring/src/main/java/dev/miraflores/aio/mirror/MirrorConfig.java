// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.dirty.DirtyBitmap;

/**
 * How a disk is mirrored.
 *
 * @param granularity     bytes that are copied again where the guest writes one, a power of two from 4 KiB to
 *                        {@code chunkBytes}
 * @param chunkBytes      bytes read and written at once while copying, a power of two from 4 KiB to 16 MiB
 * @param chunksInFlight  how many such copies are under way at once: up to 64
 * @param bytesPerSecond  how much is copied at most, not counting zeroes nor what the guest writes; 0 is any
 * @param targetTimeoutNs how long a request to the target may take before the target counts as failed, and so how long it
 *                        can hold up the guest at the worst
 * @param detectZeroes    whether what was read is looked at, to give zeroes to the target without storage for them
 */
public record MirrorConfig(
        int granularity, int chunkBytes, int chunksInFlight, long bytesPerSecond, long targetTimeoutNs,
        boolean detectZeroes) {

    /** The usual values: 64 KiB, 1 MiB, 8, no limit, ten seconds, zeroes detected. */
    public static final MirrorConfig DEFAULTS =
        new MirrorConfig(DirtyBitmap.DEFAULT_GRANULARITY, 1 << 20, 8, 0, 10_000_000_000L, true);

    private static final int MIN_BYTES = 4096;
    private static final int MAX_CHUNK_BYTES = 16 << 20;
    private static final int MAX_CHUNKS = 64;

    public MirrorConfig {
        if (granularity < MIN_BYTES || Integer.bitCount(granularity) != 1 || granularity > chunkBytes) {
            throw new IllegalArgumentException("mirror granularity " + granularity + " is not a power of two from "
                + MIN_BYTES + " to " + chunkBytes);
        }
        if (Integer.bitCount(chunkBytes) != 1 || chunkBytes > MAX_CHUNK_BYTES) {
            throw new IllegalArgumentException("mirror chunks of " + chunkBytes + " bytes: not a power of two from "
                + MIN_BYTES + " to " + MAX_CHUNK_BYTES);
        }
        if (chunksInFlight < 1 || chunksInFlight > MAX_CHUNKS) {
            throw new IllegalArgumentException("mirror with " + chunksInFlight + " chunks in flight: not 1 to " + MAX_CHUNKS);
        }
        if (bytesPerSecond < 0 || targetTimeoutNs <= 0) {
            throw new IllegalArgumentException("mirror with " + bytesPerSecond + " bytes per second, a target time-out of "
                + targetTimeoutNs + " ns: neither may be negative");
        }
    }

    public MirrorConfig withGranularity(int bytes) {
        return new MirrorConfig(bytes, chunkBytes, chunksInFlight, bytesPerSecond, targetTimeoutNs, detectZeroes);
    }

    public MirrorConfig withChunks(int bytes, int inFlight) {
        return new MirrorConfig(granularity, bytes, inFlight, bytesPerSecond, targetTimeoutNs, detectZeroes);
    }

    public MirrorConfig withBytesPerSecond(long limit) {
        return new MirrorConfig(granularity, chunkBytes, chunksInFlight, limit, targetTimeoutNs, detectZeroes);
    }

    public MirrorConfig withTargetTimeoutNs(long ns) {
        return new MirrorConfig(granularity, chunkBytes, chunksInFlight, bytesPerSecond, ns, detectZeroes);
    }

    public MirrorConfig withDetectZeroes(boolean detect) {
        return new MirrorConfig(granularity, chunkBytes, chunksInFlight, bytesPerSecond, targetTimeoutNs, detect);
    }
}
