// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.machine.DriveConfig;

/**
 * Something that a disk can have behind it, under the name that QEMU's node has.
 *
 * @param name     its name
 * @param driver   in QEMU's words: file, host_device, raw, qcow2, null-co, throttle
 * @param drive    what a disk of it is made from, but for what the disk itself decides
 * @param child    the node that it stands on, or null
 * @param explicit whether {@code blockdev-add} made it, so that it stays until {@code blockdev-del}
 */
public record BlockNode(String name, String driver, DriveConfig drive, String child, boolean explicit) {

    /** Whether its bytes are those of a file. */
    public boolean isRaw() {
        return drive.format() == DriveConfig.Format.RAW;
    }
}
