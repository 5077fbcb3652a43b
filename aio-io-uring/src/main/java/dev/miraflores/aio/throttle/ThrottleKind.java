// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

/** What can be limited. Whoever limits the total of bytes or of operations cannot limit reads or writes of the same as well. */
public enum ThrottleKind {
    /** Bytes of reads and writes. */ BPS_TOTAL("bps-total", true, true, true),
    /** Bytes of reads. */            BPS_READ("bps-read", true, true, false),
    /** Bytes of writes. */           BPS_WRITE("bps-write", true, false, true),
    /** Reads and writes. */          IOPS_TOTAL("iops-total", false, true, true),
    /** Reads. */                     IOPS_READ("iops-read", false, true, false),
    /** Writes. */                    IOPS_WRITE("iops-write", false, false, true);

    private final String word;
    private final boolean ofBytes;
    private final boolean ofReads;
    private final boolean ofWrites;

    ThrottleKind(String word, boolean ofBytes, boolean ofReads, boolean ofWrites) {
        this.word = word;
        this.ofBytes = ofBytes;
        this.ofReads = ofReads;
        this.ofWrites = ofWrites;
    }

    /** What comes behind {@code throttling.} for it. */
    public String word() {
        return word;
    }

    /** Whether it is bytes that are counted, rather than operations. */
    public boolean isOfBytes() {
        return ofBytes;
    }

    boolean isOf(ThrottleDirection direction) {
        return direction == ThrottleDirection.READ ? ofReads : ofWrites;
    }

    boolean isTotal() {
        return ofReads && ofWrites;
    }
}
