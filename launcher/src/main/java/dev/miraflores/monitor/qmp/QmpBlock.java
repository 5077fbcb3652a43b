// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.machine.Drive;
import dev.miraflores.monitor.BlockJob;
import dev.miraflores.monitor.MirrorRequest;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitorException;
import dev.miraflores.monitor.NodeOptions;
import dev.miraflores.monitor.Throttles;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** The commands that change disks (QEMU's qapi/block-core.json, qapi/qdev.json). */
final class QmpBlock {

    private static final String JOB_OPTIONS = ",speed:int?,granularity:int?,buf-size:int?,on-source-error:str?,"
            + "on-target-error:str?,copy-mode:str?,auto-finalize:bool?,auto-dismiss:bool?,replaces:str?";

    private final Monitor monitor;
    private final QmpBlockQueries queries;

    QmpBlock(Monitor monitor) {
        this.monitor = monitor;
        this.queries = new QmpBlockQueries(monitor);
    }

    List<QmpCommand> commands() {
        List<QmpCommand> all = new ArrayList<>(queries.commands());
        all.addAll(disks());
        all.addAll(jobs());
        return all;
    }

    private List<QmpCommand> disks() {
        return List.of(
                QmpCommand.of("block_resize", "device:str?,node-name:str?,size:int", this::resize),
                QmpCommand.of("block_set_io_throttle", throttleParameters(), this::setThrottle),
                QmpCommand.open("blockdev-add", "driver:str", arguments -> {
                    monitor.nodes().add(new NodeOptions(monitor.nodes()).node(arguments.all()));
                    return null;
                }),
                QmpCommand.of("blockdev-del", "node-name:str", arguments -> {
                    monitor.nodes().delete(arguments.text("node-name"));
                    return null;
                }),
                QmpCommand.open("device_add", "driver:str,bus:str?,id:str?", arguments -> {
                    monitor.devices().add(arguments.all());
                    return null;
                }),
                QmpCommand.of("device_del", "id:str", arguments -> {
                    monitor.devices().delete(arguments.text("id"));
                    return null;
                }));
    }

    private List<QmpCommand> jobs() {
        return List.of(
                QmpCommand.of("blockdev-mirror", "job-id:str?,device:str,target:str,sync:str,filter-node-name:str?" + JOB_OPTIONS,
                        arguments -> {
                            monitor.jobs().mirror(request(arguments), arguments.text("target"));
                            return null;
                        }),
                QmpCommand.of("drive-mirror", "job-id:str?,device:str,target:str,format:str?,node-name:str?,sync:str,mode:str?,"
                        + "unmap:bool?" + JOB_OPTIONS, this::driveMirror),
                onJob("block-job-complete", "", (id, _) -> monitor.jobs().complete(id)),
                onJob("block-job-cancel", ",force:bool?", (id, arguments) ->
                        monitor.jobs().cancel(id, arguments.truth("force", false))),
                onJob("block-job-pause", "", (id, _) -> monitor.jobs().pause(id)),
                onJob("block-job-resume", "", (id, _) -> monitor.jobs().resume(id)),
                onJob("block-job-set-speed", ",speed:int", (id, arguments) ->
                        monitor.jobs().setSpeed(id, arguments.number("speed", 0))),
                QmpCommand.of("query-block-jobs", "", _ -> jobInfos(QmpBlock::blockJobInfo)),
                QmpCommand.of("query-jobs", "", _ -> jobInfos(QmpBlock::jobInfo)));
    }

    private interface OnJob {
        void run(String id, QmpArguments arguments);
    }

    private static QmpCommand onJob(String name, String more, OnJob action) {
        return QmpCommand.of(name, "device:str" + more, arguments -> {
            action.run(arguments.text("device"), arguments);
            return null;
        });
    }

    private Object resize(QmpArguments arguments) {
        String device = arguments.text("device");
        String node = arguments.text("node-name");
        if ((device == null) == (node == null)) {
            throw new MonitorException("Need exactly one of 'device' and 'node-name'");
        }
        long size = arguments.number("size", 0);
        if (size < 0) {
            throw new MonitorException("Parameter 'size' expects a >0 size");
        }
        monitor.disks().byDeviceOrNode(device == null ? node : device).resize(size);
        return null;
    }

    private static String throttleParameters() {
        StringBuilder parameters = new StringBuilder("device:str?,id:str?,group:str?," + Throttles.IOPS_SIZE + ":int?");
        for (ThrottleKind kind : ThrottleKind.values()) {
            String name = Throttles.name(kind);
            parameters.append(',').append(name).append(":int");
            parameters.append(',').append(name).append(Throttles.MAX).append(":int?");
            parameters.append(',').append(name).append(Throttles.MAX_LENGTH).append(":int?");
        }
        return parameters.toString();
    }

    private Object setThrottle(QmpArguments arguments) {
        Drive drive = monitor.disks().byDeviceOrId(arguments.text("device"), arguments.text("id"));
        ThrottleConfig limits = Throttles.config(name -> arguments.number(name, 0));
        drive.setThrottle(arguments.text("group"), limits);
        return null;
    }

    private static MirrorRequest request(QmpArguments arguments) {
        String sync = arguments.oneOf("sync", "top", "full", "none", "incremental", "bitmap");
        refuse(!sync.equals("full"), "sync=" + sync);
        refuse(arguments.text("replaces") != null, "replaces");
        refuse(!arguments.truth("auto-dismiss", true), "auto-dismiss=false");
        refuse(!arguments.truth("auto-finalize", true), "auto-finalize=false");
        for (String name : List.of("on-source-error", "on-target-error")) {
            String policy = arguments.oneOf(name, "report", "ignore", "enospc", "stop", "auto");
            refuse(policy != null && !policy.equals("report"), name + "=" + policy);
        }
        // Copying begins as background and goes over to write-blocking by itself, which is what makes it end.
        arguments.oneOf("copy-mode", "background", "write-blocking");
        long speed = notNegative(arguments, "speed");
        return new MirrorRequest(arguments.text("job-id"), arguments.text("device"), speed,
                notNegative(arguments, "granularity"), notNegative(arguments, "buf-size"));
    }

    private static long notNegative(QmpArguments arguments, String name) {
        long value = arguments.number(name, 0);
        if (value < 0) {
            throw new MonitorException("Invalid parameter '" + name + "'");
        }
        return value;
    }

    private static void refuse(boolean given, String what) {
        if (given) {
            throw new MonitorException(what + " is not built; leave it out");
        }
    }

    private Object driveMirror(QmpArguments arguments) {
        MirrorRequest request = request(arguments);
        String format = arguments.text("format");
        refuse(format != null && !format.equals("raw"), "format=" + format);
        String mode = arguments.oneOf("mode", "existing", "absolute-paths");
        monitor.jobs().mirrorToFile(request, arguments.text("target"), !"existing".equals(mode), arguments.text("node-name"));
        return null;
    }

    private List<Object> jobInfos(Function<BlockJob, Map<String, Object>> info) {
        List<Object> all = new ArrayList<>();
        for (BlockJob job : monitor.jobs().all()) {
            all.add(info.apply(job));
        }
        return all;
    }

    /** BlockJobInfo. */
    private static Map<String, Object> blockJobInfo(BlockJob job) {
        return object("type", "mirror", "device", job.id(), "len", job.length(),
                "offset", job.offset(), "busy", !job.isPaused(), "paused", job.isPaused(), "speed", job.speed(),
                "io-status", job.mirror().failure() == null ? "ok" : "failed", "ready", job.isReady(), "status", job.status(),
                "auto-finalize", true, "auto-dismiss", true, "error", job.mirror().failure());
    }

    /** JobInfo. */
    private static Map<String, Object> jobInfo(BlockJob job) {
        return object("id", job.id(), "type", "mirror", "status", job.status(),
                "current-progress", job.offset(), "total-progress", job.length(), "error", job.mirror().failure());
    }
}
