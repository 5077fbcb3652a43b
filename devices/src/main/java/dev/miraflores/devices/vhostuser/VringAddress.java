// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.U32;
import static dev.miraflores.devices.vhostuser.MessageLayout.U64;

import java.lang.foreign.MemorySegment;

/**
 * "A vring address description". The first three addresses are the front end's own, {@code log} is guest-physical.
 * <pre>  0   u32  index
 *   4   u32  flags        bit 0: log writes to the used ring
 *   8   u64  descriptor   packed: descriptor ring
 *   16  u64  used         packed: device event suppression
 *   24  u64  available    packed: driver event suppression
 *   32  u64  log </pre>
 */
public record VringAddress(int index, int flags, long descriptor, long used, long available, long log) {

    public static final int BYTES = 40;

    /** VHOST_VRING_F_LOG. */
    public static final int F_LOG = 1;

    public static VringAddress read(Message message) {
        MemorySegment from = message.payload();
        return new VringAddress(
            from.get(U32, 0), from.get(U32, 4), from.get(U64, 8), from.get(U64, 16), from.get(U64, 24), from.get(U64, 32));
    }

    public Message write(Message message) {
        MemorySegment to = message.payload();
        to.set(U32, 0, index);
        to.set(U32, 4, flags);
        to.set(U64, 8, descriptor);
        to.set(U64, 16, used);
        to.set(U64, 24, available);
        to.set(U64, 32, log);
        return message.size(BYTES);
    }
}
