// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.BlockStages;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.aio.StageRequest;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.BlockDeviceConfig.Discard;
import dev.miraflores.devices.block.BlockStageSource;
import dev.miraflores.devices.block.VirtioBlockDevice;

/**
 * Makes a machine's disks of what its drives say.
 * <p>Thread: any.
 */
final class DriveOpener {

    private final MachineConfig machine;
    private final MainLoop mainLoop;

    DriveOpener(MachineConfig machine, MainLoop mainLoop) {
        this.machine = machine;
        this.mainLoop = mainLoop;
    }

    /**
     * Opens, checks and locks the image, and starts the disk's threads.
     *
     * @param drive with an id
     * @throws dev.miraflores.aio.DriveException where it cannot be; the message is one line
     */
    VirtioBlockDevice open(DriveConfig drive) {
        BlockDeviceConfig.Builder disk = start(drive)
                .cache(drive.cache())
                .readOnly(drive.readOnly())
                .serial(drive.serial())
                .discard(drive.discard() ? Discard.UNMAP : Discard.IGNORE)
                .queues(queues(drive))
                .queueSize(drive.queueSize())
                .packed(drive.packed())
                .inOrder(drive.inOrder())
                .readErrors(drive.readErrors())
                .writeErrors(drive.writeErrors());
        if (drive.dataplane()) {
            disk.ioThreads(drive.ioThreads());
            if (drive.pollMaxNs() != DriveConfig.USUAL_POLL) {
                disk.thread(new IoThreadOptions(drive.pollMaxNs(), 0, 0));
            }
        } else {
            disk.sharedThread(mainLoop.thread());
        }
        for (DriveStage stage : drive.stages()) {
            disk.stage(new Source(stage));
        }
        return VirtioBlockDevice.open(disk.build());
    }

    private static BlockDeviceConfig.Builder start(DriveConfig drive) {
        if (drive.format() == DriveConfig.Format.QCOW2) {
            throw new ConfigException("drive " + drive.id() + ": format=qcow2 is not built yet; use format=raw");
        }
        if (drive.aio() != null && drive.aio() != EngineKind.IO_URING) {
            throw new ConfigException("drive " + drive.id() + ": aio=" + drive.aio() + " is not built yet; use aio=io_uring");
        }
        if (drive.format() == DriveConfig.Format.NULL) {
            return BlockDeviceConfig.nothing(drive.id()).nullBytes(drive.nullBytes());
        }
        return BlockDeviceConfig.raw(drive.id(), drive.file());
    }

    /**
     * One for each vCPU, so that none waits for another's lock; as with QEMU, one where interrupts have a line in common
     * (virtio-mmio). A thread without a queue would be there for nothing.
     */
    private int queues(DriveConfig drive) {
        if (drive.queues() != 0) {
            return drive.queues();
        }
        int usual = machine.virtio() == VirtioTransport.PCI ? Math.min(machine.vcpus(), DriveConfig.MAX_QUEUES) : 1;
        return Math.max(usual, drive.ioThreads());
    }

    private record Source(DriveStage stage) implements BlockStageSource {

        @Override
        public BlockStage open(String driveId, long byteSize, boolean readOnly) {
            StageRequest request = new StageRequest(stage.name(), driveId, byteSize, readOnly, stage.options());
            return stage.provider() == null ? BlockStages.open(request) : stage.provider().open(request);
        }
    }
}
