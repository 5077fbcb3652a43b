// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.bindings.virtio.virtio_abi;
import org.junit.jupiter.api.Test;

/** The hand-written layouts against those of the kernel's header. */
class RingLayoutTest {

    /** virtio 1.3 §2.7.5. */
    @Test
    void shouldLayDescriptorsAsTheHeaderDoes() {
        assertEquals(virtio_abi.vring_desc.sizeof, DescriptorLayout.BYTES);
        assertEquals(virtio_abi.vring_desc.addr, DescriptorLayout.ADDR_OFFSET);
        assertEquals(virtio_abi.vring_desc.len, DescriptorLayout.LEN_FLAGS_NEXT_OFFSET);
        assertEquals(0x1122_3344L, DescriptorLayout.length(0x7788_5566_1122_3344L));
        assertEquals(8 * (virtio_abi.vring_desc.flags - virtio_abi.vring_desc.len), 32);
        assertEquals(0x5566, DescriptorLayout.flags(0x7788_5566_1122_3344L));
        assertEquals(8 * (virtio_abi.vring_desc.next - virtio_abi.vring_desc.len), 48);
        assertEquals(0xF788, DescriptorLayout.next(0xF788_5566_1122_3344L));
        assertEquals(0xF788_E566_F122_3344L, DescriptorLayout.pack(0xF122_3344L, 0xE566, 0xF788));
    }

    /** virtio 1.3 §2.8.13. */
    @Test
    void shouldLayPackedDescriptorsAsTheHeaderDoes() {
        assertEquals(virtio_abi.vring_packed_desc.sizeof, PackedDescriptorLayout.BYTES);
        assertEquals(virtio_abi.vring_packed_desc.addr, PackedDescriptorLayout.ADDR_OFFSET);
        assertEquals(virtio_abi.vring_packed_desc.len, PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET);
        assertEquals(virtio_abi.vring_packed_desc.len, PackedDescriptorLayout.LEN_OFFSET);
        assertEquals(virtio_abi.vring_packed_desc.id, PackedDescriptorLayout.ID_OFFSET);
        assertEquals(virtio_abi.vring_packed_desc.flags, PackedDescriptorLayout.FLAGS_OFFSET);
        assertEquals(0xF122_3344L, PackedDescriptorLayout.length(0xF788_E566_F122_3344L));
        assertEquals(0xE566, PackedDescriptorLayout.id(0xF788_E566_F122_3344L));
        assertEquals(0xF788, PackedDescriptorLayout.flags(0xF788_E566_F122_3344L));
        assertEquals(0xF788_E566_F122_3344L, PackedDescriptorLayout.pack(0xF122_3344L, 0xE566, 0xF788));
    }

    /** virtio 1.3 §2.7.6, §2.7.8, §2.8.14. */
    @Test
    void shouldLayRingsAsTheHeaderDoes() {
        assertEquals(virtio_abi.vring_avail.flags, AvailRingLayout.FLAGS_OFFSET);
        assertEquals(virtio_abi.vring_avail.idx, AvailRingLayout.IDX_OFFSET);
        assertEquals(virtio_abi.vring_avail.sizeof, AvailRingLayout.RING_OFFSET);
        assertEquals(virtio_abi.vring_used.flags, UsedRingLayout.FLAGS_OFFSET);
        assertEquals(virtio_abi.vring_used.idx, UsedRingLayout.IDX_OFFSET);
        assertEquals(virtio_abi.vring_used.sizeof, UsedRingLayout.RING_OFFSET);
        assertEquals(virtio_abi.vring_used_elem.sizeof, UsedRingLayout.entryOffset(1) - UsedRingLayout.entryOffset(0));
        assertEquals(virtio_abi.vring_packed_desc_event.sizeof, EventSuppressionLayout.BYTES);
        // §2.7: 6 + 2 * size and 6 + 8 * size.
        assertEquals(6 + 2 * 128, AvailRingLayout.byteSize(128));
        assertEquals(6 + 8 * 128, UsedRingLayout.byteSize(128));
    }
}
