// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.lang.foreign.MemorySegment;

/**
 * Where a cluster's old bytes go on their way to a new one: what comes before a write in its first cluster, what comes
 * behind it in its last, and compressed bytes, which take two clusters at most.
 */
final class CowBuffer {

    final MemorySegment head;
    final MemorySegment tail;
    final MemorySegment compressed;

    CowBuffer(Geometry geometry, MemorySegment memory) {
        long cluster = geometry.clusterBytes;
        head = memory.asSlice(0, cluster);
        tail = memory.asSlice(cluster, cluster);
        compressed = memory.asSlice(2 * cluster, 2 * cluster);
    }

    static long bytes(Geometry geometry) {
        return 4L * geometry.clusterBytes;
    }
}
