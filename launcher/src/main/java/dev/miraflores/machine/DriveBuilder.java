// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.machine.DriveConfig.Format;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** Collects what a {@link DriveConfig} is made of; what each value means stands there. Thread: one. */
public final class DriveBuilder {

    String id;
    String file;
    Format format = Format.RAW;
    List<BackingFile> backing = List.of();
    long nullBytes = DriveConfig.NO_BYTES;
    CacheMode cache = CacheMode.WRITEBACK;
    EngineKind aio;
    boolean readOnly;
    boolean discard = true;
    String serial = "";
    boolean dataplane = true;
    int queues;
    int queueSize = DriveConfig.DEFAULT_QUEUE_SIZE;
    int ioThreads = 1;
    long pollMaxNs = DriveConfig.USUAL_POLL;
    int pollGrow;
    int pollShrink;
    boolean sqPoll;
    boolean ioPoll;
    boolean packed = true;
    boolean inOrder;
    int logicalBlockBytes = DriveConfig.SECTOR_BYTES;
    ErrorPolicy readErrors = ErrorPolicy.REPORT;
    ErrorPolicy writeErrors = ErrorPolicy.ENOSPC;
    String throttleGroup;
    ThrottleConfig throttle = ThrottleConfig.UNLIMITED;
    List<DriveStage> stages = List.of();

    DriveBuilder() {
    }

    DriveBuilder copy() {
        DriveBuilder copy = new DriveBuilder();
        copy.id = id;
        copy.file = file;
        copy.format = format;
        copy.backing = backing;
        copy.nullBytes = nullBytes;
        copy.cache = cache;
        copy.aio = aio;
        copy.readOnly = readOnly;
        copy.discard = discard;
        copy.serial = serial;
        copy.dataplane = dataplane;
        copy.queues = queues;
        copy.queueSize = queueSize;
        copy.ioThreads = ioThreads;
        copy.pollMaxNs = pollMaxNs;
        copy.pollGrow = pollGrow;
        copy.pollShrink = pollShrink;
        copy.sqPoll = sqPoll;
        copy.ioPoll = ioPoll;
        copy.packed = packed;
        copy.inOrder = inOrder;
        copy.logicalBlockBytes = logicalBlockBytes;
        copy.readErrors = readErrors;
        copy.writeErrors = writeErrors;
        copy.throttleGroup = throttleGroup;
        copy.throttle = throttle;
        copy.stages = stages;
        return copy;
    }

    /** All values, for comparing. */
    List<Object> list() {
        return Arrays.asList(id, file, format, backing, nullBytes, cache, aio, readOnly, discard, serial, dataplane, queues,
                queueSize, ioThreads, pollMaxNs, pollGrow, pollShrink, sqPoll, ioPoll, packed, inOrder, logicalBlockBytes,
                readErrors, writeErrors, throttleGroup, throttle, stages);
    }

    /** The drive; this may be changed on, and used again. */
    public DriveConfig build() {
        return new DriveConfig(copy());
    }

    public DriveBuilder id(String name) {
        id = name;
        return this;
    }

    public DriveBuilder file(String path) {
        file = path;
        return this;
    }

    public DriveBuilder format(Format what) {
        format = Objects.requireNonNull(what);
        return this;
    }

    /** The chain of backing files, each in the format that the image before it says. */
    public DriveBuilder backing(String... paths) {
        return backing(BackingFile.chain(paths));
    }

    public DriveBuilder backing(List<BackingFile> chain) {
        backing = List.copyOf(chain);
        return this;
    }

    public DriveBuilder nullBytes(long bytes) {
        nullBytes = bytes;
        return this;
    }

    public DriveBuilder cache(CacheMode mode) {
        cache = Objects.requireNonNull(mode);
        return this;
    }

    public DriveBuilder aio(EngineKind wish) {
        aio = wish;
        return this;
    }

    public DriveBuilder readOnly(boolean only) {
        readOnly = only;
        return this;
    }

    public DriveBuilder discard(boolean unmap) {
        discard = unmap;
        return this;
    }

    public DriveBuilder serial(String text) {
        serial = Objects.requireNonNull(text);
        return this;
    }

    public DriveBuilder dataplane(boolean on) {
        dataplane = on;
        return this;
    }

    public DriveBuilder queues(int count) {
        queues = count;
        return this;
    }

    public DriveBuilder queueSize(int entries) {
        queueSize = entries;
        return this;
    }

    public DriveBuilder ioThreads(int count) {
        ioThreads = count;
        return this;
    }

    public DriveBuilder pollMaxNs(long ns) {
        pollMaxNs = ns;
        return this;
    }

    public DriveBuilder pollGrow(int factor) {
        pollGrow = factor;
        return this;
    }

    public DriveBuilder pollShrink(int divisor) {
        pollShrink = divisor;
        return this;
    }

    public DriveBuilder sqPoll(boolean on) {
        sqPoll = on;
        return this;
    }

    public DriveBuilder ioPoll(boolean on) {
        ioPoll = on;
        return this;
    }

    public DriveBuilder packed(boolean offered) {
        packed = offered;
        return this;
    }

    public DriveBuilder inOrder(boolean offered) {
        inOrder = offered;
        return this;
    }

    public DriveBuilder logicalBlockBytes(int bytes) {
        logicalBlockBytes = bytes;
        return this;
    }

    public DriveBuilder readErrors(ErrorPolicy policy) {
        readErrors = Objects.requireNonNull(policy);
        return this;
    }

    public DriveBuilder writeErrors(ErrorPolicy policy) {
        writeErrors = Objects.requireNonNull(policy);
        return this;
    }

    public DriveBuilder throttle(ThrottleConfig limits) {
        throttle = Objects.requireNonNull(limits);
        return this;
    }

    /** Shares the limits with all disks of that group: they have those of whoever comes last. */
    public DriveBuilder throttle(String group, ThrottleConfig limits) {
        throttleGroup = group;
        return throttle(limits);
    }

    /** Adds a stage between those added before and the image. */
    public DriveBuilder stage(DriveStage stage) {
        List<DriveStage> more = new ArrayList<>(stages);
        more.add(stage);
        stages = List.copyOf(more);
        return this;
    }
}
