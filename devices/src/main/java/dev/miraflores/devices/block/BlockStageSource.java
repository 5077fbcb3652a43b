// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.DriveException;

/**
 * Makes a stage for a disk that is being opened, once the disk's size is known. ({@link dev.miraflores.aio.BlockStages} finds
 * those that a drive names.)
 * <p>Thread: the one that opens the disk.
 */
@FunctionalInterface
public interface BlockStageSource {

    /**
     * A stage, which becomes the disk's.
     *
     * @param driveId  the disk's id
     * @param byteSize bytes on the disk, a multiple of 512
     * @param readOnly whether the guest cannot write
     * @throws DriveException where there can be none; the message is one line, which names the drive
     */
    BlockStage open(String driveId, long byteSize, boolean readOnly);
}
