// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.InFlightRequest;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.monitor.BlockNode;
import dev.miraflores.monitor.DiskTotals;
import dev.miraflores.monitor.Disks;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.Throttles;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What there is to ask of disks (QEMU's qapi/block-core.json). */
final class QmpBlockQueries {

    private final Monitor monitor;

    QmpBlockQueries(Monitor monitor) {
        this.monitor = monitor;
    }

    List<QmpCommand> commands() {
        return List.of(
                QmpCommand.of("query-block", "", _ -> disks(this::blockInfo)),
                QmpCommand.of("query-blockstats", "query-nodes:bool?", _ -> disks(this::blockStats)),
                QmpCommand.of("query-named-block-nodes", "flat:bool?", _ -> nodes()));
    }

    private interface Info {
        Map<String, Object> of(Drive drive);
    }

    private List<Object> disks(Info info) {
        List<Object> all = new ArrayList<>();
        for (Drive drive : monitor.disks().all()) {
            all.add(info.of(drive));
        }
        return all;
    }

    /** BlockInfo. */
    private Map<String, Object> blockInfo(Drive drive) {
        boolean held = drive.inFlight().stream().anyMatch(InFlightRequest::held);
        return object("io-status", held ? "failed" : "ok", "device", monitor.disks().deviceName(drive), "locked", false,
                "removable", false, "inserted", inserted(drive), "qdev", Disks.backendPath(drive.id()), "type", "unknown");
    }

    /** BlockDeviceInfo, of a node that a disk has. */
    private Map<String, Object> inserted(Drive drive) {
        BlockNode node = monitor.disks().node(drive);
        var status = drive.status();
        Map<String, Object> info = deviceInfo(node, status.file(), status.byteSize(), status.readOnly());
        ThrottleConfig limits = drive.throttle();
        putLimits(info, limits);
        if (limits.isLimited()) {
            info.put("group", drive.throttleGroup());
        }
        return info;
    }

    private static Map<String, Object> deviceInfo(BlockNode node, String path, long byteSize, boolean readOnly) {
        DriveConfig drive = node.drive();
        CacheMode cache = drive.cache();
        String file = path == null ? "null-co://" : path;
        String backing = drive.backing().isEmpty() ? null : drive.backing().getFirst().path();
        return object("file", file, "node-name", node.name(), "ro", readOnly, "drv", node.driver(),
                "backing_file", backing, "backing_file_depth", drive.backing().size(), "encrypted", false,
                "detect_zeroes", "off", "cache", object("writeback", cache.hasWriteCache(), "direct", cache.isDirect(),
                        "no-flush", cache == CacheMode.UNSAFE),
                "write_threshold", 0,
                "image", object("filename", file, "format", node.driver(), "virtual-size", byteSize,
                        "actual-size", path == null ? null : new File(path).length(), "backing-filename", backing));
    }

    private static void putLimits(Map<String, Object> info, ThrottleConfig limits) {
        for (ThrottleKind kind : ThrottleKind.values()) {
            ThrottleLimit limit = limits.limit(kind);
            String name = Throttles.name(kind);
            info.put(name, limit.rate());
            if (limit.max() != 0) {
                info.put(name + Throttles.MAX, limit.max());
                info.put(name + Throttles.MAX_LENGTH, limit.maxLengthSeconds());
            }
        }
        if (limits.iopsSize() != 0) {
            info.put(Throttles.IOPS_SIZE, limits.iopsSize());
        }
    }

    /** All nodes: those of disks with what they are now, the others with what they will be. */
    private List<Object> nodes() {
        List<Object> all = new ArrayList<>();
        List<String> told = new ArrayList<>();
        for (Drive drive : monitor.disks().all()) {
            all.add(inserted(drive));
            told.add(monitor.disks().node(drive).name());
        }
        for (BlockNode node : monitor.nodes().all()) {
            if (!told.contains(node.name())) {
                String file = node.drive().file();
                long bytes = file == null ? node.drive().nullBytes() : new File(file).length();
                Map<String, Object> info = deviceInfo(node, file, bytes, node.drive().readOnly());
                putLimits(info, ThrottleConfig.UNLIMITED);
                all.add(info);
            }
        }
        return all;
    }

    /** BlockStats. */
    private Map<String, Object> blockStats(Drive drive) {
        DiskTotals totals = DiskTotals.of(drive);
        long discardErrors = totals.get(BlockCounter.DISCARD_ERRORS);
        long refused = totals.get(BlockCounter.REFUSED) + totals.get(BlockCounter.MALFORMED);
        Map<String, Object> stats = object(
                "rd_bytes", totals.get(BlockCounter.READ_BYTES), "wr_bytes", totals.get(BlockCounter.WRITTEN_BYTES),
                "unmap_bytes", totals.get(BlockCounter.DISCARDED_BYTES),
                "rd_operations", totals.get(BlockCounter.READS), "wr_operations", totals.get(BlockCounter.WRITES),
                "flush_operations", totals.get(BlockCounter.FLUSHES), "unmap_operations", totals.get(BlockCounter.DISCARDS),
                "rd_total_time_ns", totals.totalNs(Operation.READ), "wr_total_time_ns", totals.totalNs(Operation.WRITE),
                "flush_total_time_ns", totals.totalNs(Operation.FLUSH), "unmap_total_time_ns", totals.totalNs(Operation.DISCARD),
                "wr_highest_offset", 0, "rd_merged", 0, "wr_merged", 0, "unmap_merged", 0,
                "failed_rd_operations", totals.get(BlockCounter.READ_ERRORS),
                "failed_wr_operations", totals.get(BlockCounter.WRITE_ERRORS) + totals.get(BlockCounter.WRITE_ZEROES_ERRORS),
                "failed_flush_operations", totals.get(BlockCounter.FLUSH_ERRORS), "failed_unmap_operations", discardErrors,
                "invalid_rd_operations", refused, "invalid_wr_operations", 0, "invalid_flush_operations", 0,
                "invalid_unmap_operations", 0, "account_invalid", true, "account_failed", true, "timed_stats", List.of());
        return object("device", monitor.disks().deviceName(drive), "qdev", Disks.backendPath(drive.id()),
                "node-name", monitor.disks().node(drive).name(), "stats", stats);
    }
}
