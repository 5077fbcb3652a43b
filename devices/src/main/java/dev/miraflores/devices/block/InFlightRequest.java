// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo.Operation;
import java.util.Locale;

/**
 * A request that was not complete when somebody looked.
 *
 * @param queue      its queue
 * @param operation  what it does
 * @param byteOffset where on the disk
 * @param byteCount  how much
 * @param ageNs      how long ago it was taken from the queue
 * @param held       whether it failed, and waits for {@link VirtioBlockDevice#resume}
 */
public record InFlightRequest(int queue, Operation operation, long byteOffset, long byteCount, long ageNs, boolean held) {

    private static final double NS_PER_SECOND = 1e9;

    @Override
    public String toString() {
        String what = operation.name().toLowerCase(Locale.ROOT).replace('_', ' ');
        String where = operation == Operation.FLUSH ? "" : " of " + byteCount + " bytes at offset " + byteOffset;
        return String.format(Locale.ROOT, "%s%s on queue %d for %.1f s%s",
            what, where, queue, ageNs / NS_PER_SECOND, held ? ", held after it failed" : "");
    }
}
