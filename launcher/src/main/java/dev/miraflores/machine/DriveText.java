// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import java.util.Map;
import java.util.TreeMap;

/** A drive in the words of {@code --drive}: what {@link DriveOptions} reads. */
final class DriveText {

    private static final DriveConfig USUAL = DriveConfig.of("usual");

    private final StringBuilder text = new StringBuilder();

    private DriveText() {
    }

    /** All that is not as usual. A stage that was given as an object is written as its name. */
    static String of(DriveConfig drive) {
        DriveText text = new DriveText();
        text.add("file", drive.file(), null);
        text.add("id", drive.id(), USUAL.id());
        text.add("format", drive.format(), USUAL.format());
        BackingOptions.write(drive.backing(), text);
        text.add("size", drive.nullBytes(), USUAL.nullBytes());
        text.add("cache", drive.cache(), USUAL.cache());
        text.add("aio", drive.aio(), USUAL.aio());
        text.add("readonly", drive.readOnly(), USUAL.readOnly());
        text.add("discard", drive.discard() ? "unmap" : "ignore", "unmap");
        text.add("serial", drive.serial(), USUAL.serial());
        text.add("dataplane", drive.dataplane(), USUAL.dataplane());
        text.add("queues", drive.queues(), USUAL.queues());
        text.add("queue-size", drive.queueSize(), USUAL.queueSize());
        text.add("iothreads", drive.ioThreads(), USUAL.ioThreads());
        text.add("packed", drive.packed(), USUAL.packed());
        text.add("in-order", drive.inOrder(), USUAL.inOrder());
        text.add("logical_block_size", drive.logicalBlockBytes(), USUAL.logicalBlockBytes());
        text.add("poll-max-ns", drive.pollMaxNs(), USUAL.pollMaxNs());
        text.add("poll-grow", drive.pollGrow(), USUAL.pollGrow());
        text.add("poll-shrink", drive.pollShrink(), USUAL.pollShrink());
        text.add("sqpoll", drive.sqPoll(), USUAL.sqPoll());
        text.add("iopoll", drive.ioPoll(), USUAL.ioPoll());
        text.add("rerror", drive.readErrors().word(), USUAL.readErrors().word());
        text.add("werror", drive.writeErrors().word(), USUAL.writeErrors().word());
        text.addThrottle(drive);
        for (DriveStage stage : drive.stages()) {
            text.add("stage", stage.name(), null);
            for (Map.Entry<String, String> option : new TreeMap<>(stage.options()).entrySet()) {
                text.add("stage." + option.getKey(), option.getValue(), null);
            }
        }
        return text.text.toString();
    }

    private void addThrottle(DriveConfig drive) {
        for (ThrottleKind kind : ThrottleKind.values()) {
            ThrottleLimit limit = drive.throttle().limit(kind);
            String key = "throttling." + kind.word();
            add(key, limit.rate(), ThrottleLimit.NONE.rate());
            add(key + "-max", limit.max(), ThrottleLimit.NONE.max());
            add(key + "-max-length", limit.maxLengthSeconds(), ThrottleLimit.NONE.maxLengthSeconds());
        }
        add("throttling.iops-size", drive.throttle().iopsSize(), 0L);
        add("throttling.group", drive.throttleGroup(), null);
    }

    void add(String key, Object value, Object usual) {
        if (value == null || value.equals(usual)) {
            return;
        }
        Object word = value instanceof Boolean on ? on ? "on" : "off" : value;
        text.append(text.isEmpty() ? "" : ",").append(key.replace(",", ",,")).append('=').append(word.toString().replace(",", ",,"));
    }
}
