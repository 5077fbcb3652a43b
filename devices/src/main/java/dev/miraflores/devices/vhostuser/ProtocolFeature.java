// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

/** Extensions of the protocol, by their bits ("Protocol features"). Names without VHOST_USER_PROTOCOL_F_. */
public enum ProtocolFeature {
    MQ,
    LOG_SHMFD,
    RARP,
    REPLY_ACK,
    MTU,
    BACKEND_REQ,
    CROSS_ENDIAN,
    CRYPTO_SESSION,
    PAGEFAULT,
    CONFIG,
    BACKEND_SEND_FD,
    HOST_NOTIFIER,
    INFLIGHT_SHMFD,
    RESET_DEVICE,
    INBAND_NOTIFICATIONS,
    CONFIGURE_MEM_SLOTS,
    STATUS,
    XEN_MMAP,
    SHARED_OBJECT,
    DEVICE_STATE;

    /** The feature's bit, alone. */
    public long mask() {
        return 1L << ordinal();
    }

    /** Whether its bit is set. */
    public boolean in(long features) {
        return (features & mask()) != 0;
    }

    /** The bits of several. */
    public static long masks(ProtocolFeature... features) {
        long masks = 0;
        for (ProtocolFeature feature : features) {
            masks |= feature.mask();
        }
        return masks;
    }
}
