// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.aio.StageRequest;
import dev.miraflores.aio.throttle.ThrottleGroups;
import dev.miraflores.devices.block.BlockDeviceConfig.Discard;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.BlockStageSource;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import dev.miraflores.devices.vhostuser.frontend.VhostUserConfig;
import dev.miraflores.memory.MemoryBacking;
import java.nio.file.Path;
import java.util.List;

/**
 * Makes a machine's disks of what its drives say.
 * <p>Thread: any.
 */
final class DriveOpener {

    private final int usualQueues;
    private final boolean sharedMemory;
    private final MainLoop mainLoop;
    private final StagePath stages;
    private final ThrottleGroups throttles = new ThrottleGroups();

    DriveOpener(MachineConfig machine, MainLoop mainLoop) {
        this(machine.stagePath(), usualQueues(machine), machine.memoryBacking() != MemoryBacking.ANONYMOUS, mainLoop);
    }

    /**
     * @param usualQueues of a drive that does not say how many it is to have
     * @param mainLoop    for drives with {@code dataplane=off}; null where there are none
     */
    DriveOpener(List<Path> stagePath, int usualQueues, MainLoop mainLoop) {
        this(stagePath, usualQueues, false, mainLoop);
    }

    private DriveOpener(List<Path> stagePath, int usualQueues, boolean sharedMemory, MainLoop mainLoop) {
        this.usualQueues = usualQueues;
        this.sharedMemory = sharedMemory;
        this.mainLoop = mainLoop;
        this.stages = new StagePath(stagePath);
    }

    /**
     * Opens, checks and locks the image, and starts the disk's threads; or connects to the process that has done so.
     *
     * @param drive with an id
     * @throws dev.miraflores.aio.DriveException where it cannot be; the message is one line
     */
    Drive open(DriveConfig drive) {
        return drive.vhostUser() == null ? open(drive, BlockDeviceConfig.MAX_QUEUE_SIZE) : new Drive(drive, connect(drive));
    }

    private VhostUserBlockDevice connect(DriveConfig drive) {
        if (!sharedMemory) {
            throw new ConfigException("drive vhost-user=" + drive.vhostUser()
                    + ": this machine's memory cannot be shared with another process; start it with --shared-memory");
        }
        return VhostUserBlockDevice.open(VhostUserConfig.of(drive.id(), drive.vhostUser())
                .withQueues(drive.queues(), usualQueues)
                .withQueueSize(drive.queueSize())
                .withPacked(drive.packed()));
    }

    /**
     * Opens an image, as {@link #open(DriveConfig)} does.
     *
     * @param maxSegments buffers that a request may have, where the drive's queues allow more
     */
    Drive open(DriveConfig drive, int maxSegments) {
        if (drive.vhostUser() != null) {
            throw new ConfigException("drive vhost-user=" + drive.vhostUser()
                    + ": another process serves it already; have its clients connect there");
        }
        BlockDeviceConfig.Builder disk = start(drive)
                .maxSegments(maxSegments)
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

    /** A thread without a queue would be there for nothing. */
    private int queues(DriveConfig drive) {
        return drive.queues() != 0 ? drive.queues() : Math.max(usualQueues, drive.ioThreads());
    }

    /**
     * One for each vCPU, so that none waits for another's lock; as with QEMU, one where interrupts have a line in common
     * (virtio-mmio).
     */
    private static int usualQueues(MachineConfig machine) {
        return machine.virtio() == VirtioTransport.PCI ? Math.min(machine.vcpus(), DriveConfig.MAX_QUEUES) : 1;
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
