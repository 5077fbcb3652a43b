// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A message ("Message Specification"). Numbers are in the machine's byte order, which is little-endian on all that we run on;
 * nothing is aligned, since the payload begins at 12.
 * <pre>  0   u32  request   FrontendRequest or BackendRequest
 *   4   u32  flags     bits 0-1: version 1, bit 2: a reply, bit 3: a reply is asked for (REPLY_ACK)
 *   8   u32  size      bytes of payload
 *   12       payload </pre>
 */
public final class MessageLayout {

    public static final int REQUEST_OFFSET = 0;
    public static final int FLAGS_OFFSET = 4;
    public static final int SIZE_OFFSET = 8;
    public static final int PAYLOAD_OFFSET = 12;

    public static final int VERSION_MASK = 0x3;
    public static final int VERSION = 1;
    public static final int REPLY = 1 << 2;
    public static final int NEED_REPLY = 1 << 3;

    /**
     * The longest payload that is read. The longest that the specification has is a configuration space, and none of those
     * is near that long.
     */
    public static final int MAX_PAYLOAD_BYTES = 4096;

    /** The most memory regions in one SET_MEM_TABLE ("Memory regions description"). */
    public static final int MAX_TABLE_REGIONS = 8;

    /** The most descriptors that any message comes with: one for each region of a table. */
    public static final int MAX_FDS = MAX_TABLE_REGIONS;

    public static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private MessageLayout() {
    }
}
