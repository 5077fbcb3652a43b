// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Inflates compressed clusters, and keeps the last one: who reads it in small parts pays once. A cluster is raw deflate data
 * that ends with a cluster's worth of bytes; what follows in its last sector is anybody's.
 */
final class Inflation implements AutoCloseable {

    private final MemorySegment inflated;
    private Inflater inflater;
    /** The entry of the cluster in {@link #inflated}; 0 where it holds none. */
    private long entry;

    Inflation(MemorySegment inflated) {
        this.inflated = inflated;
    }

    /** The cluster's bytes, where {@link #holds} says so. */
    MemorySegment bytes() {
        return inflated;
    }

    boolean holds(long anEntry) {
        return entry == anEntry;
    }

    /** Answers whether the bytes are a whole cluster. */
    boolean inflate(long anEntry, MemorySegment compressed) {
        entry = 0;
        if (inflater == null) {
            inflater = new Inflater(true);
        }
        inflater.reset();
        inflater.setInput(compressed.asByteBuffer());
        try {
            ByteBuffer into = inflated.asByteBuffer();
            int count = 1;
            while (into.hasRemaining() && count > 0) {
                count = inflater.inflate(into);
            }
            if (into.hasRemaining()) {
                return false;
            }
        } catch (DataFormatException e) {
            return false;
        }
        entry = anEntry;
        return true;
    }

    @Override
    public void close() {
        if (inflater != null) {
            inflater.end();
            inflater = null;
        }
    }
}
