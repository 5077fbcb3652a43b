// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorListener;
import dev.miraflores.aio.mirror.MirrorState;
import dev.miraflores.aio.mirror.MirrorTarget;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleGroups;
import dev.miraflores.aio.throttle.ThrottleStage;
import dev.miraflores.devices.block.Disk;
import dev.miraflores.devices.block.InFlightRequest;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import java.util.List;

/**
 * A disk of a machine, to be looked at and changed while its guest runs.
 * <p>A change holds new requests back, waits for those in flight, and lets all go on; the guest sees a disk that was slow for
 * a moment. Where what is in flight does not finish in time nothing is changed, and a
 * {@link dev.miraflores.devices.virtio.DrainException} says what it waited for.
 * <p>Of a disk that another process serves ({@link DriveConfig#vhostUser}) little is known here, and nothing can be changed:
 * what would is for its back end, and throws a {@link ConfigException} that says so.
 * <p>Thread: any, but for the machine's own I/O threads.
 * <p>Lifetime: as long as the disk is in the machine; then it says what was last, and changes throw.
 */
public final class Drive {

    private final DriveConfig config;
    private final Disk device;
    /** The device, where its I/O is done in this process; otherwise null. */
    private final VirtioBlockDevice local;
    private final ThrottleGroups throttles;
    /** What is behind it now: a mirror may have taken its place. */
    private volatile String file;

    Drive(DriveConfig config, VirtioBlockDevice device, ThrottleGroups throttles) {
        this.config = config;
        this.file = config.file();
        this.device = device;
        this.local = device;
        this.throttles = throttles;
    }

    Drive(DriveConfig config, VhostUserBlockDevice device) {
        this.config = config;
        this.file = config.vhostUser();
        this.device = device;
        this.local = null;
        this.throttles = null;
    }

    public String id() {
        return device.id();
    }

    /** What it was made from. */
    public DriveConfig config() {
        return config;
    }

    /** What it is now. */
    public DriveStatus status() {
        return local == null
                ? DriveStatus.of(config, (VhostUserBlockDevice) device) : DriveStatus.of(config, file, local);
    }

    /**
     * What its guest has asked for and it has not done yet, the failed requests that wait for a resume included. Empty for a
     * disk that another process serves: only that knows.
     */
    public List<InFlightRequest> inFlight() {
        return local == null ? List.of() : local.inFlight();
    }

    /**
     * Makes the disk larger or smaller, image and all, and tells the guest. What is cut off is lost.
     *
     * @param byteSize a multiple of 512; for a block device, which has the size it has, anything
     * @return its size now
     * @throws dev.miraflores.aio.DriveException where it cannot be; the message is one line
     */
    public long resize(long byteSize) {
        return local("its size").resize(byteSize);
    }

    /** The limits that it is under now, those of its group; {@link ThrottleConfig#UNLIMITED} for none. */
    public ThrottleConfig throttle() {
        ThrottleStage stage = throttleStage();
        return stage == null ? ThrottleConfig.UNLIMITED : stage.group().config();
    }

    /** The group of disks that it shares its limits with, which may have it alone; null where it has no limits. */
    public String throttleGroup() {
        ThrottleStage stage = throttleStage();
        return stage == null ? null : stage.group().name();
    }

    /**
     * Gives other limits to it, and to all disks that share them; what is held back already hears of it at once. No limits
     * take it out of its group, and leave the others theirs.
     */
    public void setThrottle(ThrottleConfig limits) {
        setThrottle(null, limits);
    }

    /** As {@link #setThrottle(ThrottleConfig)}, in another group, which has these limits from now on. */
    public synchronized void setThrottle(String group, ThrottleConfig limits) {
        local("limits");
        ThrottleStage stage = throttleStage();
        String current = stage == null ? id() : stage.group().name();
        String next = group == null ? current : group;
        if (stage == null && !limits.isLimited()) {
            return;
        }
        if (stage != null && limits.isLimited() && next.equals(current)) {
            stage.group().setConfig(limits);
            return;
        }
        local("limits").reconfigure(chain -> {
            chain.stages().remove(stage);
            if (limits.isLimited()) {
                chain.stages().addFirst(throttles.open(next, limits));
            }
        });
    }

    private ThrottleStage throttleStage() {
        List<BlockStage> stages = local == null ? List.of() : local.stages();
        for (BlockStage stage : stages) {
            if (stage instanceof ThrottleStage throttle) {
                return throttle;
            }
        }
        return null;
    }

    /**
     * Mirrors the disk to another image while its guest writes; {@link MirrorJob} tells how that goes, and goes on from there.
     *
     * @param target an image in raw format or a block device, as large as the disk or larger; it is overwritten
     * @throws dev.miraflores.aio.DriveException where it cannot be opened, or is in use
     * @throws dev.miraflores.aio.mirror.MirrorException where it cannot be the target; the message is one line
     */
    public MirrorJob mirror(String target, MirrorConfig how, MirrorListener listener) {
        local("a mirror");
        MirrorTarget image = MirrorTarget.file(target, config.cache());
        return local.mirror(image, how, (job, state) -> {
            if (state == MirrorState.COMPLETED) {
                file = target;
            }
            listener.stateChanged(job, state);
        });
    }

    /** The mirror that began last, whether it is at an end or not; null for none. */
    public MirrorJob mirrorJob() {
        return local == null ? null : local.mirrorJob();
    }

    /** Puts a stage before the image, behind all others. It becomes the disk's. */
    public void insertStage(BlockStage stage) {
        local("a stage").insertStage(stage);
    }

    /** Takes a stage away, and closes it. */
    public void removeStage(BlockStage stage) {
        local("a stage").removeStage(stage);
    }

    /** @param what is to be changed */
    private VirtioBlockDevice local(String what) {
        if (local == null) {
            throw new ConfigException("drive " + id() + ": " + what + " is for its vhost-user back end at " + file
                    + " to change; ask there");
        }
        return local;
    }

    /** Lets {@code events} hear what happens to it. */
    void setEvents(DeviceEvents events) {
        if (device instanceof VhostUserBlockDevice served) {
            served.setNeedsResetListener(why -> events.needsReset(id(), why));
        } else {
            local.setEvents(events);
        }
    }

    Disk device() {
        return device;
    }

    /** The device, where its I/O is done in this process; otherwise null. */
    VirtioBlockDevice localDevice() {
        return local;
    }
}
