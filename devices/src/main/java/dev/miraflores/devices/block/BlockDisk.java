// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.devices.LimitedLog;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * What all queues of a disk share.
 *
 * @param log            for what its driver and its host do to it
 * @param backend        what is behind it
 * @param config         what the driver reads of it, and its write cache
 * @param idBytes        what VIRTIO_BLK_T_GET_ID answers: 20 bytes, zeroes behind the text (virtio 1.3 §5.2.6)
 * @param registerMemory whether guest memory is registered with the I/O engine
 */
record BlockDisk(
        LimitedLog log, BlockBackend backend, BlockConfigSpace config, MemorySegment idBytes, boolean registerMemory) {

    static MemorySegment idBytes(String serial) {
        MemorySegment bytes = Arena.ofAuto().allocate(BlockRequest.ID_BYTES);
        byte[] text = serial.getBytes(StandardCharsets.UTF_8);
        MemorySegment.copy(text, 0, bytes, ValueLayout.JAVA_BYTE, 0, Math.min(text.length, BlockRequest.ID_BYTES));
        return bytes;
    }
}
