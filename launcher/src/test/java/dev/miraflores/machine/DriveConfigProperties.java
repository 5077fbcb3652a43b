// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.machine.DriveConfig.Format;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;

/** What a drive says of itself is read as the same drive, and what is wrong is refused in one line. */
class DriveConfigProperties {

    @Property
    void shouldReadWhatItWrote(@ForAll("images") DriveBuilder image, @ForAll CacheMode cache,
            @ForAll("wishes") EngineKind aio, @ForAll boolean readOnly, @ForAll boolean discard,
            @ForAll("serials") String serial) {
        DriveConfig drive = image.cache(cache).aio(aio).readOnly(readOnly).discard(discard).serial(serial).build();
        assertEquals(drive, DriveConfig.parse(drive.toString()), drive::toString);
    }

    @Property
    void shouldReadTheWayThatItIsServed(@ForAll @IntRange(max = 64) int queues, @ForAll @IntRange(min = 1, max = 64) int threads,
            @ForAll @IntRange(min = 1, max = 10) int sizeExponent, @ForAll boolean dataplane, @ForAll boolean packed,
            @ForAll boolean inOrder, @ForAll @IntRange(min = -1, max = 100_000) int pollMaxNs,
            @ForAll @IntRange(max = DriveConfig.MAX_POLL_FACTOR) int pollFactor, @ForAll boolean sqPoll) {
        int ioThreads = !dataplane ? 1 : queues == 0 ? threads : Math.min(queues, threads);
        DriveConfig drive = DriveConfig.builder().file("d").queues(queues).ioThreads(ioThreads)
                .queueSize(1 << sizeExponent).dataplane(dataplane).packed(packed).inOrder(inOrder)
                .logicalBlockBytes(inOrder ? 4096 : 512)
                .pollGrow(pollFactor).pollShrink(pollFactor / 2).sqPoll(sqPoll && dataplane)
                .pollMaxNs(dataplane ? pollMaxNs : DriveConfig.USUAL_POLL).build();
        assertEquals(drive, DriveConfig.parse(drive.toString()), drive::toString);
    }

    @Property
    void shouldReadWhatErrorsAndStagesDo(@ForAll("readPolicies") ErrorPolicy read, @ForAll ErrorPolicy write,
            @ForAll("texts") String stage, @ForAll("texts") String key, @ForAll("texts") String value) {
        DriveConfig drive = DriveConfig.builder().file("d").readErrors(read).writeErrors(write)
                .stage(DriveStage.of(stage, Map.of(key.replace('=', '-'), value))).build();
        assertEquals(drive, DriveConfig.parse(drive.toString()), drive::toString);
    }

    @Property
    void shouldReadEachLimit(@ForAll ThrottleKind kind, @ForAll @LongRange(min = 1, max = 1L << 40) long rate,
            @ForAll @LongRange(max = 1L << 40) long more, @ForAll @LongRange(min = 1, max = 100) long seconds,
            @ForAll @LongRange(max = 1 << 20) long iopsSize, @ForAll("groups") String group) {
        ThrottleLimit limit = more == 0 ? ThrottleLimit.of(rate) : new ThrottleLimit(rate, Math.max(rate, more),
                Math.min(seconds, ThrottleLimit.MOST / Math.max(rate, more)));
        ThrottleConfig limits = ThrottleConfig.UNLIMITED.with(kind, limit).withIopsSize(kind.isOfBytes() ? 0 : iopsSize);
        DriveConfig drive = DriveConfig.builder().file("d").throttle(group, limits).build();
        assertEquals(drive, DriveConfig.parse(drive.toString()), drive::toString);
    }

    @Property
    void shouldRefuseInOneLine(@ForAll("keys") String key, @ForAll String value) {
        try {
            DriveConfig drive = DriveConfig.parse("file=d," + key + "=" + value);
            assertEquals(drive, DriveConfig.parse(drive.toString()));
        } catch (ConfigException e) {
            assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
            assertTrue(e.getMessage().startsWith("--drive file=d," + key), e.getMessage());
        }
    }

    @Provide
    Arbitrary<DriveBuilder> images() {
        Arbitrary<DriveBuilder> raw = texts().map(file -> DriveConfig.builder().file(file));
        Arbitrary<DriveBuilder> qcow2 = texts().map(
                file -> DriveConfig.builder().file(file).format(Format.QCOW2).backing("b" + file, file));
        Arbitrary<DriveBuilder> nothing = Arbitraries.longs().between(1, 1L << 50).map(
                sectors -> DriveConfig.builder().format(Format.NULL).nullBytes(512 * sectors));
        return Arbitraries.oneOf(raw, qcow2, nothing);
    }

    @Provide
    Arbitrary<EngineKind> wishes() {
        return Arbitraries.of(EngineKind.class).injectNull(0.3);
    }

    @Provide
    Arbitrary<ErrorPolicy> readPolicies() {
        return Arbitraries.of(ErrorPolicy.REPORT, ErrorPolicy.IGNORE, ErrorPolicy.STOP);
    }

    @Provide
    Arbitrary<String> groups() {
        return texts().injectNull(0.3);
    }

    @Provide
    Arbitrary<String> serials() {
        return Arbitraries.strings().withCharRange(' ', '~').ofMaxLength(DriveConfig.SERIAL_BYTES);
    }

    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.strings().withCharRange(' ', '~').withChars(",,é=").ofMinLength(1).ofMaxLength(30);
    }

    @Provide
    Arbitrary<String> keys() {
        return Arbitraries.of("id", "format", "size", "backing", "backing.driver", "backing.backing", "if",
                "logical_block_size", "cache", "aio", "readonly", "discard", "serial",
                "dataplane", "queues", "iothreads", "queue-size", "packed", "in-order", "poll-max-ns", "poll-grow", "sqpoll", "iopoll", "rerror", "werror",
                "stage", "stage.k", "throttling.iops-total", "throttling.bps-read-max", "throttling.group", "iops_rd");
    }
}
