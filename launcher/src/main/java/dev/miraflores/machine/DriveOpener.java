// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.aio.StageRequest;
import dev.miraflores.aio.throttle.ThrottleGroups;
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
    private final StagePath stages;
    private final ThrottleGroups throttles = new ThrottleGroups();

    DriveOpener(MachineConfig machine, MainLoop mainLoop) {
        this.machine = machine;
        this.mainLoop = mainLoop;
        this.stages = new StagePath(machine.stagePath());
    }

    /**
     * Opens, checks and locks the image, and starts the disk's threads.
     *
     * @param drive with an id
     * @throws dev.miraflores.aio.DriveException where it cannot be; the message is one line
     */
    Drive open(DriveConfig drive) {
        BlockDeviceConfig.Builder disk = start(drive)
                .cache(drive.cache())
                .engine(drive.aio())
                .readOnly(drive.readOnly())
                .serial(drive.serial())
                .discard(drive.discard() ? Discard.UNMAP : Discard.IGNORE)
                .queues(queues(drive))
                .queueSize(drive.queueSize())
                .packed(drive.packed())
                .inOrder(drive.inOrder())
                .logicalBlockBytes(drive.logicalBlockBytes())
                .readErrors(drive.readErrors())
                .writeErrors(drive.writeErrors());
        if (drive.dataplane()) {
            disk.ioThreads(drive.ioThreads()).thread(thread(drive));
        } else {
            disk.sharedThread(mainLoop.thread());
        }
        if (drive.throttle().isLimited()) {
            disk.stage(new Throttle(drive, throttles));
        }
        for (DriveStage stage : drive.stages()) {
            disk.stage(new Source(stage, stages));
        }
        return new Drive(drive, VirtioBlockDevice.open(disk.build()), throttles);
    }

    private static IoThreadOptions thread(DriveConfig drive) {
        long pollMaxNs = drive.pollMaxNs() == DriveConfig.USUAL_POLL
                ? IoThreadOptions.DEFAULTS.pollMaxNs() : drive.pollMaxNs();
        return new IoThreadOptions(pollMaxNs, drive.pollGrow(), drive.pollShrink(), false, drive.sqPoll(), drive.ioPoll());
    }

    private static BlockDeviceConfig.Builder start(DriveConfig drive) {
        if (drive.format() == DriveConfig.Format.NULL) {
            return BlockDeviceConfig.nothing(drive.id()).nullBytes(drive.nullBytes());
        }
        if (drive.format() == DriveConfig.Format.QCOW2) {
            return BlockDeviceConfig.qcow2(drive.id(), drive.file())
                    .backing(drive.backing());
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

    /** Next to the guest, as in QEMU: it is the guest's requests that are counted, not what stages make of them. */
    private record Throttle(DriveConfig drive, ThrottleGroups groups) implements BlockStageSource {

        @Override
        public BlockStage open(String driveId, long byteSize, boolean readOnly) {
            return groups.open(drive.throttleGroup() == null ? driveId : drive.throttleGroup(), drive.throttle());
        }
    }

    private record Source(DriveStage stage, StagePath stages) implements BlockStageSource {

        @Override
        public BlockStage open(String driveId, long byteSize, boolean readOnly) {
            StageRequest request = new StageRequest(stage.name(), driveId, byteSize, readOnly, stage.options());
            return stage.provider() == null ? stages.open(request) : stage.provider().open(request);
        }
    }
}
