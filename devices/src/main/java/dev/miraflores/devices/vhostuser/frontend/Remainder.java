// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;

/**
 * What a back end had taken from a ring and not given back when it said where the ring stands: some say so at once and finish
 * later (qemu-storage-daemon 7.2), and what they finish is seen in the ring alone.
 * <p>Thread: the control thread.
 * <p>Source: vhost-user.rst, "VHOST_USER_GET_VRING_BASE"; virtio 1.3 §2.7.8, §2.8.1.
 */
interface Remainder {

    /** Where {@code idx} is in both rings of a split virtqueue (§2.7.6, §2.7.8). */
    int IDX_OFFSET = 2;
    int IDX_MASK = 0xffff;
    Remainder NOTHING = () -> 0;

    /** So many are not finished yet; −1 where some are not, and it cannot be told how many. */
    int count();

    /** @param base the answer to GET_VRING_BASE: the next buffer to be taken */
    static Remainder ofSplit(GuestMemory memory, QueueGeometry geometry, int base) {
        return () -> {
            int ahead = base - idx(memory, geometry.deviceGpa()) & IDX_MASK;
            // More than there can be: a back end that does not count, and will not catch up.
            return ahead <= geometry.size() ? ahead : 0;
        };
    }

    /** The {@code idx} of a ring. */
    static int idx(GuestMemory memory, long ringGpa) {
        byte[] idx = new byte[Short.BYTES];
        memory.read(ringGpa + IDX_OFFSET, idx);
        return idx[0] & 0xff | (idx[1] & 0xff) << 8;
    }

    /** @param base the answer: the next buffer to be taken, and in the upper half the next used descriptor */
    static Remainder ofPacked(GuestMemory memory, QueueGeometry geometry, boolean inOrder, int base) {
        Packed ring = Packed.of(memory, geometry, base);
        if (ring.length() == 0) {
            return NOTHING;
        }
        return inOrder ? ring.lastInOrder() : ring.all();
    }

    /**
     * The descriptors between the next used one and the next to be taken, all of them available in this turn of the ring until
     * the device overwrites some: one for each buffer, or with IN_ORDER for each batch. Where the driver has the first of them again
     * they are available in another turn, which only happens once they are finished.
     *
     * @param start  place of the first
     * @param wrap   the wrap counter there
     * @param length so many descriptors
     */
    record Packed(GuestMemory memory, QueueGeometry geometry, int start, boolean wrap, int length) {

        private static final int DESCRIPTOR_BYTES = 16;
        private static final int ID_OFFSET = 12;
        private static final int FLAGS_OFFSET = 14;
        private static final int NEXT = virtio_abi.VRING_DESC_F_NEXT;
        private static final int AVAIL = 1 << virtio_abi.VRING_PACKED_DESC_F_AVAIL;
        private static final int USED = 1 << virtio_abi.VRING_PACKED_DESC_F_USED;
        private static final int WRAP_BIT = 1 << 15;

        /** Of none, where the two places cannot be. */
        static Packed of(GuestMemory memory, QueueGeometry geometry, int base) {
            int size = geometry.size();
            int taken = base & WRAP_BIT - 1;
            int used = base >>> 16 & WRAP_BIT - 1;
            boolean wrap = base < 0;
            int length = taken - used + ((base & WRAP_BIT) != 0 == wrap ? 0 : size);
            boolean possible = taken < size && used < size && length >= 0 && length <= size;
            return new Packed(memory, geometry, used, wrap, possible ? length : 0);
        }

        private int word(int at, int offset) {
            byte[] word = new byte[Short.BYTES];
            memory.read(geometry.descGpa() + (long) DESCRIPTOR_BYTES * ((start + at) % geometry.size()) + offset, word);
            return word[0] & 0xff | (word[1] & 0xff) << 8;
        }

        private boolean isWritten(int at) {
            boolean turn = wrap == start + at < geometry.size();
            return (word(at, FLAGS_OFFSET) & (AVAIL | USED)) != (turn ? AVAIL : USED);
        }

        private int written() {
            int count = 0;
            for (int at = 0; at < length; at++) {
                count += isWritten(at) ? 1 : 0;
            }
            return count;
        }

        /**
         * Until as many are written as there are buffers, which are counted now. One that is written by now may have been any part of a
         * buffer of several descriptors, and counts as one itself: too many, then, rather than too few.
         */
        Remainder all() {
            int buffers = 0;
            for (int at = 0; at < length; at++) {
                buffers += isWritten(at) || (word(at, FLAGS_OFFSET) & NEXT) == 0 ? 1 : 0;
            }
            int wanted = buffers;
            return () -> written() < wanted ? -1 : 0;
        }

        /** Until the last buffer is named as used: all before it are used with it (§2.8.8). */
        Remainder lastInOrder() {
            if (isWritten(length - 1)) {
                return NOTHING;
            }
            int last = word(length - 1, ID_OFFSET);
            return () -> {
                for (int at = 0; at < length; at++) {
                    if (isWritten(at) && (at == length - 1 || word(at, ID_OFFSET) == last)) {
                        return 0;
                    }
                }
                return -1;
            };
        }
    }
}
