// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.linux.Errno;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveError;
import dev.miraflores.machine.MachineListener;
import dev.miraflores.monitor.json.Json;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Everything that a monitor can be asked for, whoever asks: QMP and HMP are two ways to write it down.
 * <p>Thread: any that is none of the machine's I/O threads or vCPUs. What changes a disk waits for it.
 * <p>Lifetime: from before the machine starts until {@link #ended}, after which nothing is told any more.
 */
public final class Monitor implements MachineListener {

    private final MonitoredMachine machine;
    private final EventHub events = new EventHub();
    private final RunControl run;
    private final BlockNodes nodes = new BlockNodes();
    private final Disks disks;
    private final Devices devices;
    private final BlockJobs jobs;
    private final Networks networks;
    private final Descriptors descriptors = new Descriptors();
    private final NetDevices netdevs;
    private final MemoryBalloon balloon;
    private final LatestEvents latest = new LatestEvents(events);
    private final long startNs = System.nanoTime();

    public Monitor(MonitoredMachine machine) {
        this.machine = machine;
        this.run = new RunControl(machine, events);
        this.disks = new Disks(machine, nodes);
        this.networks = new Networks(machine, events);
        this.netdevs = new NetDevices(machine, descriptors);
        this.devices = new Devices(machine, nodes, disks, networks, netdevs, events);
        this.jobs = new BlockJobs(disks, nodes, events);
        this.balloon = new MemoryBalloon(machine);
        machine.addListener(this);
    }

    public MonitoredMachine machine() {
        return machine;
    }

    public RunControl run() {
        return run;
    }

    public BlockNodes nodes() {
        return nodes;
    }

    public Disks disks() {
        return disks;
    }

    public Devices devices() {
        return devices;
    }

    public BlockJobs jobs() {
        return jobs;
    }

    public Networks networks() {
        return networks;
    }

    public Descriptors descriptors() {
        return descriptors;
    }

    public NetDevices netdevs() {
        return netdevs;
    }

    public MemoryBalloon balloon() {
        return balloon;
    }

    /** Nanoseconds since it was made. */
    public long ageNs() {
        return System.nanoTime() - startNs;
    }

    public void addListener(Consumer<MonitorEvent> listener) {
        events.add(listener);
    }

    public void removeListener(Consumer<MonitorEvent> listener) {
        events.remove(listener);
    }

    /** The machine has ended. */
    public void ended(StopCause cause) {
        machine.removeListener(this);
        netdevs.end();
        descriptors.end();
        run.ended(cause);
    }

    @Override
    public void paused(String why) {
        run.paused();
    }

    @Override
    public void resumed() {
        run.resumed();
    }

    /** A guest may reset itself as fast as it likes, and is then told of once a second. */
    @Override
    public void reset(boolean byGuest) {
        Map<String, Object> data = Json.object("guest", byGuest, "reason", RunControl.resetReason(byGuest));
        if (byGuest) {
            latest.tell("RESET", "RESET", data);
        } else {
            events.tell("RESET", data);
        }
    }

    @Override
    public void balloonChanged(long actualBytes) {
        events.tell("BALLOON_CHANGE", Json.object("actual", actualBytes));
    }

    @Override
    public void portChanged(String id, boolean open) {
        latest.tell("VSERPORT_CHANGE", id, Json.object("open", open, "id", id));
    }

    @Override
    public void nicAdded(String id) {
        networks.added(id);
    }

    @Override
    public void nicRemoved(String id) {
        devices.nicRemoved(id);
    }

    @Override
    public void removed(String id) {
        devices.removed(id);
    }

    @Override
    public void ioError(DriveError error) {
        if (error.stops()) {
            run.failed();
        }
        for (Drive drive : disks.all()) {
            if (drive.id().equals(error.driveId())) {
                ioError(drive, error);
            }
        }
    }

    private void ioError(Drive drive, DriveError error) {
        boolean read = error.operation() == Operation.READ;
        ErrorPolicy policy = read ? drive.config().readErrors() : drive.config().writeErrors();
        var data = Json.object("device", disks.deviceName(drive), "node-name", disks.node(drive).name(),
                "operation", read ? "read" : "write",
                "action", error.stops() ? "stop" : policy == ErrorPolicy.IGNORE ? "ignore" : "report",
                "nospace", error.errno() == Errno.ENOSPC, "reason", Errno.name(error.errno()));
        if (error.stops()) {
            events.tell("BLOCK_IO_ERROR", data);
        } else {
            events.tellLimited("BLOCK_IO_ERROR", drive.id(), data);
        }
    }
}
