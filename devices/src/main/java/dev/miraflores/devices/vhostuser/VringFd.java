// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

/**
 * The payload of SET_VRING_KICK, SET_VRING_CALL and SET_VRING_ERR: one u64, of which bits 0-7 are the vring's index and bit 8
 * says that no descriptor comes with it, which is a wish to poll.
 */
public record VringFd(int index, boolean hasFd) {

    private static final int INDEX_MASK = 0xFF;

    /** VHOST_USER_VRING_NOFD_MASK. */
    private static final int NOFD_MASK = 1 << 8;

    public static VringFd read(Message message) {
        long value = message.u64();
        return new VringFd((int) value & INDEX_MASK, (value & NOFD_MASK) == 0);
    }

    public Message write(Message message) {
        return message.u64(index & INDEX_MASK | (hasFd ? 0 : NOFD_MASK));
    }
}
