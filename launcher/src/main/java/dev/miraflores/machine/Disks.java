// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;

/** Makes the device that a drive's description asks for. */
final class Disks {

    private Disks() {
    }

    /** Opens, checks and locks the image. */
    static VirtioBlockDevice open(DriveConfig drive) {
        return VirtioBlockDevice.open(BlockDeviceConfig.raw(drive.id(), drive.file())
                .cache(drive.cache())
                .readOnly(drive.readOnly())
                .serial(drive.serial())
                .queueSize(drive.queueSize())
                .build());
    }
}
