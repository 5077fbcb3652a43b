// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.bindings.virtio.virtio_abi;

/** How a request ended, for its driver (virtio 1.3 §5.2.6). */
public enum BlockStatus {
    OK(virtio_abi.VIRTIO_BLK_S_OK),
    IOERR(virtio_abi.VIRTIO_BLK_S_IOERR),
    UNSUPP(virtio_abi.VIRTIO_BLK_S_UNSUPP);

    private final byte code;

    BlockStatus(int code) {
        this.code = (byte) code;
    }

    /** The status byte. */
    public byte code() {
        return code;
    }
}
