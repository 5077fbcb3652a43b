// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleOptions;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.machine.DriveConfig.Format;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The words of {@code --drive}: those that are built, and those that QEMU has and that are refused by name rather than as
 * unknown.
 * <p>Thread: one. On the way to a guest's first instruction: neither lambdas nor patterns, whose first use takes milliseconds.
 */
final class DriveOptions {

    static final String OPTION = "--drive";

    private static final String STAGE = "stage.";
    private static final String THROTTLING = "throttling.";

    private static final List<String> BUILT = List.of("file", "id", "format", "if", "cache", "aio", "readonly", "serial",
            "dataplane", "queues", "iothreads", "queue-size", "packed", "in-order", "logical_block_size", "poll-max-ns",
            "poll-grow", "poll-shrink", "sqpoll", "iopoll", "discard", "rerror", "werror", "backing", "backing.driver",
            "backing.file.filename", "size", "stage", "throttling.iops-total", "throttling.bps-total", "throttling.group");
    private static final List<String> NOT_BUILT = List.of("media", "snapshot", "detect-zeroes", "copy-on-read", "index",
            "bus", "unit", "addr", "boot", "node-name", "driver", "auto-read-only", "force-share", "locking");
    /** QEMU's second name for what is built under its first. */
    private static final Map<String, String> OTHER_NAMES = Map.of("read-only", "readonly", "group", "throttling.group",
            "num-queues", "queues", "iothread", "iothreads",
            "logical-block-size", "logical_block_size", "backing.file", "backing");

    private final String text;
    private final DriveBuilder drive = DriveConfig.builder();
    private final BackingOptions backing = new BackingOptions();
    private String stage;
    private Map<String, String> stageOptions = Map.of();

    private DriveOptions(String text) {
        this.text = text;
    }

    static DriveConfig parse(String text) {
        DriveOptions options = new DriveOptions(text);
        Map<String, String> pairs = KeyValues.parse(OPTION, text);
        boolean throttled = false;
        for (Map.Entry<String, String> pair : pairs.entrySet()) {
            if (pair.getKey().startsWith(THROTTLING)) {
                throttled = true;
            } else {
                options.set(pair.getKey(), pair.getValue());
            }
        }
        if (throttled) {
            options.setThrottle(pairs);
        }
        options.addStage();
        try {
            options.drive.backing(options.backing.chain());
            return options.drive.build();
        } catch (ConfigException e) {
            throw new ConfigException(OPTION + " " + text + ": " + e.getMessage(), e);
        }
    }

    private void set(String key, String value) {
        switch (key) {
            case "file" -> drive.file(value);
            case "id" -> drive.id(value);
            case "format" -> drive.format(format(value));
            case "size" -> drive.nullBytes(size(key, value));
            case "if" -> checkInterface(value);
            case "cache" -> drive.cache(cache(value));
            case "aio" -> drive.aio(aio(value));
            case "readonly" -> drive.readOnly(onOff(key, value));
            case "discard" -> drive.discard(discard(value));
            case "serial" -> drive.serial(value);
            case "dataplane" -> drive.dataplane(onOff(key, value));
            case "queues" -> drive.queues(count(key, value, DriveConfig.MAX_QUEUES));
            case "iothreads" -> drive.ioThreads(count(key, value, DriveConfig.MAX_QUEUES));
            case "queue-size" -> drive.queueSize(queueSize(value));
            case "packed" -> drive.packed(onOff(key, value));
            case "in-order" -> drive.inOrder(onOff(key, value));
            case "logical_block_size" -> drive.logicalBlockBytes(blockBytes(value));
            case "poll-max-ns" -> drive.pollMaxNs(pollMaxNs(value));
            case "poll-grow" -> drive.pollGrow(factor(key, value));
            case "poll-shrink" -> drive.pollShrink(factor(key, value));
            case "sqpoll" -> drive.sqPoll(onOff(key, value));
            case "iopoll" -> drive.ioPoll(onOff(key, value));
            case "rerror" -> drive.readErrors(onError(key, value));
            case "werror" -> drive.writeErrors(onError(key, value));
            case "stage" -> stage = value;
            default -> {
                if (!takeBacking(key, value)) {
                    setOther(key, value);
                }
            }
        }
    }

    private boolean takeBacking(String key, String value) {
        try {
            return backing.take(key, value);
        } catch (ConfigException e) {
            throw wrong(e.getMessage());
        }
    }

    private void setOther(String key, String value) {
        if (key.startsWith(STAGE) && key.length() > STAGE.length()) {
            stageOptions = stageOptions.isEmpty() ? new HashMap<>() : stageOptions;
            stageOptions.put(key.substring(STAGE.length()), value);
            return;
        }
        if (NOT_BUILT.contains(key)) {
            throw wrong(key + " is not built yet; leave it out");
        }
        if (OTHER_NAMES.containsKey(key)) {
            throw wrong(key + " is written " + OTHER_NAMES.get(key) + " here");
        }
        if (isOldLimit(key)) {
            throw wrong(key + " is written " + THROTTLING + newLimit(key) + " here");
        }
        List<String> known = new ArrayList<>(BUILT);
        known.addAll(NOT_BUILT);
        throw wrong("unknown key '" + key + "'; the nearest is '" + Nearest.to(key, known) + "'");
    }

    /** What QEMU's limits were called before they were {@code throttling.…}: {@code iops}, {@code bps_rd_max}. */
    private static boolean isOldLimit(String key) {
        return key.equals("iops") || key.equals("bps") || key.startsWith("iops_") || key.startsWith("bps_");
    }

    private static String newLimit(String old) {
        String what = old.substring(0, old.startsWith("iops") ? 4 : 3);
        if (old.endsWith("_size")) {
            return what + "-size";
        }
        String way = old.contains("_rd") ? "-read" : old.contains("_wr") ? "-write" : "-total";
        return what + way + (old.endsWith("_max_length") ? "-max-length" : old.endsWith("_max") ? "-max" : "");
    }

    private void setThrottle(Map<String, String> pairs) {
        String group = pairs.get(THROTTLING + "group");
        try {
            String name = drive.id == null ? "without id" : drive.id;
            ThrottleOptions limits = ThrottleOptions.parse(name, pairs);
            drive.throttle(group, limits == null ? ThrottleConfig.UNLIMITED : limits.config());
        } catch (DriveException e) {
            throw wrong(e.getMessage());
        }
    }

    private void addStage() {
        if (stage != null) {
            drive.stage(DriveStage.of(stage, stageOptions));
        } else if (!stageOptions.isEmpty()) {
            throw wrong("stage." + stageOptions.keySet().iterator().next() + " without a stage; write stage=NAME too");
        }
    }

    private void checkInterface(String value) {
        switch (value) {
            case "virtio" -> { }
            case "none", "ide", "scsi", "sd", "mtd", "floppy", "pflash", "xen" ->
                throw wrong("if=" + value + " is not built yet; use if=virtio");
            default -> throw wrong("if=" + value + " is unknown; use if=virtio");
        }
    }

    private Format format(String value) {
        return switch (value) {
            case "raw" -> Format.RAW;
            case "qcow2" -> Format.QCOW2;
            case "null" -> Format.NULL;
            case "null-co", "null-aio" -> throw wrong("format=" + value + " is written format=null here");
            case "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "luks", "parallels", "dmg", "bochs", "cloop" ->
                throw wrong("format=" + value + " is not built; make a qcow2 image of it with: qemu-img convert -O qcow2");
            default -> throw wrong("format=" + value + " is unknown; use raw, qcow2 or null");
        };
    }

    private CacheMode cache(String value) {
        CacheMode mode = CacheMode.of(value);
        if (mode == null) {
            throw wrong("cache=" + value + " is unknown; use none, writeback, writethrough, directsync or unsafe");
        }
        return mode;
    }

    private EngineKind aio(String value) {
        EngineKind kind = EngineKind.of(value);
        if (kind == null) {
            throw wrong("aio=" + value + " is unknown; use io_uring, native or threads");
        }
        return kind;
    }

    private boolean discard(String value) {
        return switch (value) {
            case "unmap", "on" -> true;
            case "ignore", "off" -> false;
            default -> throw wrong("discard=" + value + " is unknown; use unmap or ignore");
        };
    }

    private ErrorPolicy onError(String key, String value) {
        return switch (value) {
            case "report" -> ErrorPolicy.REPORT;
            case "ignore" -> ErrorPolicy.IGNORE;
            case "stop" -> ErrorPolicy.STOP;
            case "enospc" -> ErrorPolicy.ENOSPC;
            default -> throw wrong(key + "=" + value + " is unknown; use report, ignore"
                    + (key.equals("werror") ? ", stop or enospc" : " or stop"));
        };
    }

    private int queueSize(String value) {
        long size = Quantity.parse(value);
        if (size < 0 || size > Integer.MAX_VALUE) {
            throw wrong("queue-size=" + value + "; use a power of two from 2 to 1024");
        }
        return (int) size;
    }

    private int blockBytes(String value) {
        long bytes = Quantity.parseBytes(value);
        if (bytes < DriveConfig.SECTOR_BYTES || bytes > DriveConfig.MAX_BLOCK_BYTES) {
            throw wrong("logical_block_size=" + value + "; use 512, 1024, 2048 or 4096");
        }
        return (int) bytes;
    }

    private int count(String key, String value, int most) {
        long count = Quantity.parse(value);
        if (count < 1 || count > most) {
            throw wrong(key + "=" + value + "; use 1 to " + most);
        }
        return (int) count;
    }

    private long pollMaxNs(String value) {
        long ns = Quantity.parse(value);
        if (ns < 0 || ns > DriveConfig.MAX_POLL_NS) {
            throw wrong("poll-max-ns=" + value + "; use 0 (no polling) to " + DriveConfig.MAX_POLL_NS + " ns");
        }
        return ns;
    }

    private int factor(String key, String value) {
        long factor = Quantity.parse(value);
        if (factor < 0 || factor > DriveConfig.MAX_POLL_FACTOR) {
            throw wrong(key + "=" + value + "; use 0 (the usual) to " + DriveConfig.MAX_POLL_FACTOR);
        }
        return (int) factor;
    }

    private long size(String key, String value) {
        long bytes = Quantity.parseBytes(value);
        if (bytes < 0) {
            throw wrong(key + "=" + value + ": not a size; write a number of bytes, or one with K, M, G or T");
        }
        return bytes;
    }

    private boolean onOff(String key, String value) {
        return switch (value) {
            case "on", "yes", "true" -> true;
            case "off", "no", "false" -> false;
            default -> throw wrong(key + "=" + value + "; use on or off");
        };
    }

    private ConfigException wrong(String what) {
        return new ConfigException(OPTION + " " + text + ": " + what);
    }
}
