// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.U32;

import java.lang.foreign.MemorySegment;

/**
 * "Virtio device config space", of GET_CONFIG and SET_CONFIG.
 * <pre>  0   u32  offset
 *   4   u32  size     bytes that are read or written
 *   8   u32  flags    0: the driver writes; 1: live migration
 *   12       bytes </pre>
 */
public record ConfigAccess(int offset, int byteSize, int flags) {

    public static final int HEADER_BYTES = 12;

    /** VHOST_SET_CONFIG_TYPE_MIGRATION. */
    public static final int MIGRATION = 1;

    /** The longest that QEMU and others ask for (VHOST_USER_MAX_CONFIG_SIZE). */
    public static final int MAX_BYTES = 256;

    public static ConfigAccess read(Message message) {
        MemorySegment from = message.payload();
        return new ConfigAccess(from.get(U32, 0), from.get(U32, 4), from.get(U32, 8));
    }

    /** Whether the sizes fit each other and are possible. */
    public boolean isConsistent(Message message) {
        return byteSize >= 0 && byteSize <= MAX_BYTES && offset >= 0 && offset <= MAX_BYTES
            && message.size() == HEADER_BYTES + byteSize;
    }

    /** Where the bytes are, or are put. */
    public MemorySegment bytes(Message message) {
        return message.payload().asSlice(HEADER_BYTES, byteSize);
    }

    /** Writes all but the bytes, and gives the message their size too. */
    public Message write(Message message) {
        MemorySegment to = message.payload();
        to.set(U32, 0, offset);
        to.set(U32, 4, byteSize);
        to.set(U32, 8, flags);
        return message.size(HEADER_BYTES + byteSize);
    }
}
