// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import java.util.Locale;

/**
 * A request of a guest that the host could not do.
 *
 * @param driveId    the disk's id
 * @param operation  what it was
 * @param byteOffset where on the disk
 * @param byteCount  how much
 * @param errno      why, positive
 * @param stops      whether it is held until the machine is resumed, which is paused for it
 */
public record DriveError(String driveId, Operation operation, long byteOffset, long byteCount, int errno, boolean stops) {

    /** For people, on one line. */
    @Override
    public String toString() {
        String what = operation.name().toLowerCase(Locale.ROOT).replace('_', ' ');
        String where = operation == Operation.FLUSH ? "" : " of " + byteCount + " bytes at offset " + byteOffset;
        return "drive " + driveId + ": " + what + where + " failed: " + Errno.name(errno) + " (" + errno + ")";
    }
}
