// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/**
 * Hears of disks that come and go while a machine runs.
 * <p>Thread: one of the machine's, one event after the other, in the order in which things happened; by then the next may have
 * happened. No lock is held. What it throws is logged and changes nothing.
 */
public interface DriveListener {

    /** The disk is in; a guest that listens finds it now. */
    default void added(String id) {
    }

    /** The disk is gone: its image is closed and unlocked, and its id is free. The guest may have ejected it unasked. */
    default void removed(String id) {
    }

    /** The guest has not let go of the disk in the time that it was given. It still may, and may be asked again. */
    default void removalUnanswered(String id) {
    }

    /** The disk is out of its slot, but could not be ended; {@code why} in one line. */
    default void removalFailed(String id, String why) {
    }

    /** A guest's request failed on the host; what its guest was told, the drive's {@code rerror} and {@code werror} say. */
    default void ioError(DriveError error) {
    }

    /** The disk came to its end, and its driver was told that it needs a reset. Machine and guest go on. */
    default void needsReset(String id, String why) {
    }

    /** The disk has another size, and its driver was told. */
    default void resized(String id, long byteSize) {
    }
}
