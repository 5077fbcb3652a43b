// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.ConfigAccess;
import dev.miraflores.devices.vhostuser.Message;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A disk's configuration as messages have it: GET_CONFIG and SET_CONFIG.
 * <p>Thread: the session's.
 */
final class Config {

    /** Of the one byte that a driver writes: whether there is a write cache. */
    static final int WRITEBACK_OFFSET = (int) virtio_blk_config.wce;

    private Config() {
    }

    /** Answers GET_CONFIG. What is asked for behind the end is zeroes: fields of features that are not offered. */
    static void read(VirtioBlockDevice device, ConfigAccess access, Message reply) {
        access.write(reply);
        MemorySegment bytes = access.bytes(reply);
        for (int i = 0; i < access.byteSize(); i++) {
            int offset = access.offset() + i;
            long value = offset < device.configByteSize() ? device.readConfig(offset, 1) : 0;
            bytes.set(ValueLayout.JAVA_BYTE, i, (byte) value);
        }
    }

    /**
     * SET_CONFIG. A driver writes one byte; where a guest has come from elsewhere all of it is written, and that byte is what
     * counts.
     */
    static void write(VirtioBlockDevice device, ConfigAccess access, Message message) throws Refusal {
        int at = WRITEBACK_OFFSET - access.offset();
        boolean covered = at >= 0 && at < access.byteSize();
        boolean alone = covered && access.byteSize() == 1;
        if (!alone && access.flags() != ConfigAccess.MIGRATION) {
            throw new Refusal("a write of " + access.byteSize() + " bytes at " + access.offset() + " of the configuration, where"
                + " only the byte at " + WRITEBACK_OFFSET + " can be written");
        }
        if (covered) {
            device.writeConfig(WRITEBACK_OFFSET, 1, access.bytes(message).get(ValueLayout.JAVA_BYTE, at));
        }
    }
}
