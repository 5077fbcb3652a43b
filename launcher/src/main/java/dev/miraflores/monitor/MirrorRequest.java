// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.mirror.MirrorConfig;

/**
 * What somebody wants of a mirror.
 *
 * @param jobId        the job's name; null for that of the drive
 * @param device       the drive's name, or its node's
 * @param speed        bytes per second, 0 for any
 * @param granularity  bytes, 0 for the usual
 * @param bufferBytes  how much may be under way at once, 0 for the usual
 */
public record MirrorRequest(String jobId, String device, long speed, long granularity, long bufferBytes) {

    private static final int MOST_CHUNKS = 64;

    MirrorConfig config() {
        MirrorConfig config = MirrorConfig.DEFAULTS;
        try {
            if (granularity != 0) {
                config = config.withGranularity(Math.toIntExact(granularity));
            }
            if (bufferBytes != 0) {
                config = config.withChunks(config.chunkBytes(),
                        Math.clamp(bufferBytes / config.chunkBytes(), 1, MOST_CHUNKS));
            }
            return config.withBytesPerSecond(speed);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new MonitorException(e.getMessage());
        }
    }
}
