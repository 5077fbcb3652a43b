// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

/** How far a {@link MirrorJob} is. */
public enum MirrorState {
    /** Copies, and marks what the guest writes meanwhile, to copy that again. */
    COPYING,
    /** What the guest writes goes to both at once; what is left of the marks is being copied. */
    CATCHING_UP,
    /** The target has what the source has, but for discards of late. A write is complete when both have it. */
    READY,
    /** At its end: the disk goes on with the target. */
    COMPLETED,
    /** At its end: the target is the disk as it was at one moment, the disk goes on with the source. */
    STOPPED,
    /** At its end because somebody wanted that; what the target holds is of no use. */
    CANCELLED,
    /** At its end because something went wrong, {@link MirrorJob#failure} says what. */
    FAILED;

    /** Whether nothing will come after it. */
    public boolean isEnd() {
        return compareTo(COMPLETED) >= 0;
    }
}
