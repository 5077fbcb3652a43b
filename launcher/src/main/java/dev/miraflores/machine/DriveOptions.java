// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.machine.DriveConfig.Aio;
import dev.miraflores.machine.DriveConfig.Format;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The words of {@code --drive}: those that are built, and those that QEMU or our own design has and that are refused
 * by name rather than as unknown.
 */
final class DriveOptions {

    private static final String OPTION = "--drive";

    private static final List<String> BUILT = List.of("file", "id", "format", "if", "cache", "aio", "readonly",
            "serial", "dataplane", "queues", "queue-size");
    private static final List<String> NOT_BUILT = List.of("poll-max-ns", "media", "snapshot", "discard",
            "detect-zeroes", "werror", "rerror", "copy-on-read", "index", "bus", "unit", "addr", "boot", "group",
            "node-name", "driver", "size", "auto-read-only", "force-share", "locking", "read-only", "iops", "iops_rd",
            "iops_wr", "bps", "bps_rd", "bps_wr", "iops_max", "bps_max", "iops_size");
    private static final String THROTTLING = "throttling.";

    private final String text;
    private final Map<String, String> pairs;

    private DriveOptions(String text, Map<String, String> pairs) {
        this.text = text;
        this.pairs = pairs;
    }

    static DriveConfig parse(String text) {
        DriveOptions options = new DriveOptions(text, KeyValues.parse(OPTION, text));
        options.checkKeys();
        options.checkFixedValues();
        Format format = options.format();
        CacheMode cache = options.cache();
        Aio aio = options.aio();
        boolean readOnly = options.onOff("readonly", false);
        int queueSize = options.queueSize();
        String file = options.file();
        try {
            return new DriveConfig(options.pairs.get("id"), file, format, cache, aio, readOnly,
                    options.text("serial", ""), queueSize);
        } catch (ConfigException e) {
            throw new ConfigException(OPTION + " " + text + ": " + e.getMessage(), e);
        }
    }

    private void checkKeys() {
        for (String key : pairs.keySet()) {
            if (BUILT.contains(key)) {
                continue;
            }
            if (NOT_BUILT.contains(key) || key.startsWith(THROTTLING)) {
                throw wrong(key + " is not built yet; leave it out");
            }
            List<String> known = new ArrayList<>(BUILT);
            known.addAll(NOT_BUILT);
            throw wrong("unknown key '" + key + "'; the nearest is '" + Nearest.to(key, known) + "'");
        }
    }

    /** Keys with one value that is built, and others that may be some day. */
    private void checkFixedValues() {
        switch (text("if", "virtio")) {
            case "virtio" -> { }
            case "none", "ide", "scsi", "sd", "mtd", "floppy", "pflash", "xen" ->
                throw wrong("if=" + pairs.get("if") + " is not built yet; use if=virtio");
            default -> throw wrong("if=" + pairs.get("if") + " is unknown; use if=virtio");
        }
        if (!onOff("dataplane", true)) {
            throw wrong("dataplane=off is not built yet; leave it on");
        }
        String queues = text("queues", "1");
        if (!queues.equals("1")) {
            throw wrong("queues=" + queues + " is not built yet; use one");
        }
    }

    private Format format() {
        return switch (text("format", "raw")) {
            case "raw" -> Format.RAW;
            case "null", "null-co", "null-aio" -> throw wrong("format=null is not built yet; use format=raw");
            case "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "luks" -> throw wrong("format="
                    + pairs.get("format") + " is not built yet; make a raw image of it with: qemu-img convert -O raw");
            default -> throw wrong("format=" + pairs.get("format") + " is unknown; use format=raw");
        };
    }

    private String file() {
        String file = pairs.get("file");
        if (file == null || file.isEmpty()) {
            throw wrong("no file is named; write file=PATH");
        }
        return file;
    }

    private CacheMode cache() {
        String word = text("cache", "writeback");
        CacheMode mode = CacheMode.of(word);
        if (mode == null) {
            throw wrong("cache=" + word + " is unknown; use none, writeback, writethrough, directsync or unsafe");
        }
        return mode;
    }

    private Aio aio() {
        return switch (text("aio", "io_uring")) {
            case "io_uring" -> Aio.IO_URING;
            case "native", "threads" -> throw wrong("aio=" + pairs.get("aio") + " is not built yet; use aio=io_uring");
            default -> throw wrong("aio=" + pairs.get("aio") + " is unknown; use aio=io_uring");
        };
    }

    private int queueSize() {
        String value = pairs.get("queue-size");
        if (value == null) {
            return DriveConfig.DEFAULT_QUEUE_SIZE;
        }
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw wrong("queue-size=" + value + "; use a power of two from 2 to 1024");
        }
    }

    private boolean onOff(String key, boolean absent) {
        String value = pairs.get(key);
        if (value == null) {
            return absent;
        }
        return switch (value) {
            case "on", "yes", "true" -> true;
            case "off", "no", "false" -> false;
            default -> throw wrong(key + "=" + value + "; use on or off");
        };
    }

    private String text(String key, String absent) {
        return pairs.getOrDefault(key, absent);
    }

    private ConfigException wrong(String what) {
        return new ConfigException(OPTION + " " + text + ": " + what);
    }
}
