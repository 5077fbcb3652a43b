// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.bindings.virtio.virtio_abi;

/**
 * Event suppression structure of a packed queue: one written by the driver, one by the device, each read by the other
 * (virtio 1.3 §2.8.14). Little-endian, 4-byte aligned.
 * <pre>  0   le16  desc    bits 0 to 14 an offset in the ring, bit 15 a wrap counter
 *   2   le16  flags   bits 0 and 1 </pre>
 * Both are read and written as one le32, so that an offset never goes with another's flags.
 */
final class EventSuppressionLayout {

    static final int BYTES = 4;
    static final long DESC_FLAGS_OFFSET = 0;
    static final long ALIGNMENT = 4;

    /** RING_EVENT_FLAGS_ENABLE. */
    static final int ENABLE = virtio_abi.VRING_PACKED_EVENT_FLAG_ENABLE;

    /** RING_EVENT_FLAGS_DISABLE. */
    static final int DISABLE = virtio_abi.VRING_PACKED_EVENT_FLAG_DISABLE;

    /** RING_EVENT_FLAGS_DESC; only with VIRTIO_F_EVENT_IDX. */
    static final int DESC = virtio_abi.VRING_PACKED_EVENT_FLAG_DESC;

    private EventSuppressionLayout() {
    }

    static int pack(int offset, boolean wrap, int flags) {
        return offset | (wrap ? 1 << 15 : 0) | flags << 16;
    }

    /**
     * Whether the other side wants a notification.
     *
     * @param descFlags what it wrote
     * @param eventIdx  whether VIRTIO_F_EVENT_IDX was negotiated
     * @param size      Queue Size
     * @param index     the place after the last descriptor written
     * @param wrap      the wrap counter at that place
     * @param written   how many descriptors were written since it was last asked, at least 1
     */
    static boolean wantsNotification(int descFlags, boolean eventIdx, int size, int index, boolean wrap, long written) {
        int flags = descFlags >>> 16 & 3;
        if (flags == DISABLE) {
            return false;
        }
        if (flags != DESC || !eventIdx) {
            // 3 is reserved, and DESC not valid without EVENT_IDX: notify, which is never wrong.
            return true;
        }
        int eventIndex = descFlags & 0x7FFF;
        boolean eventWrap = (descFlags & 1 << 15) != 0;
        if (eventWrap != wrap) {
            eventIndex -= size;
        }
        // Wanted if one of the descriptors written was at eventIndex: at most written - 1 were after it.
        return ((index - 1 - eventIndex) & 0xFFFF) < written;
    }
}
