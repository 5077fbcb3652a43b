// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.LinkOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executor;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/** Requests finish in any order, and what a crash at any moment leaves is an image that is valid, and what was flushed. */
@AddLifecycleHook(NeedsQemuImg.Hook.class)
class Qcow2CrashProperties {

    private static final int SMALL_CACHE = 1;
    private static final int ROUNDS = 24;
    /** Of so many requests below one is followed by a crash, on average: more often where tables are written. */
    private static final int STEPS_PER_CRASH = 150;
    private static final int FEW_STEPS_PER_CRASH = 15;
    private static final int FEW = 3;

    @Provide
    Arbitrary<String> options() {
        return Arbitraries.of("cluster_size=512", "cluster_size=512,refcount_bits=64", "compat=0.10,cluster_size=1k",
            "cluster_size=4k,refcount_bits=1", "cluster_size=4k", "cluster_size=64k");
    }

    @Property(tries = 40)
    void shouldKeepTheModelWhateverFinishesFirst(@ForAll long seed, @ForAll("options") String options,
            @ForAll boolean snapshot) throws IOException {
        try (Run run = new Run(seed, options, snapshot)) {
            run.session(r -> {
                r.run();
                run.home.drain();
            });
            QemuImg.check(run.image);
            QemuImg.compare(run.image, run.model.content);
        }
    }

    @Property(tries = 20)
    void shouldSurviveACrashAtAnyMoment(@ForAll long seed, @ForAll("options") String options, @ForAll boolean snapshot)
            throws IOException {
        try (Run run = new Run(seed, options, snapshot)) {
            run.home.watch(run.image);
            run.session(r -> {
                r.run();
                run.stepAndCrash();
            });
        }
    }

    private static final class Run implements AutoCloseable {
        final Random random;
        final Path folder = Files.createTempDirectory("qcow2");
        final Arena arena = Arena.ofShared();
        final Path image;
        final DiskModel model;
        final ShuffledHome home;
        private byte[] flushed;

        Run(long seed, String options, boolean snapshot) throws IOException {
            random = new Random(seed);
            byte[] content = new byte[(256 + random.nextInt(2048)) * DiskModel.SECTOR];
            model = new DiskModel(content, arena, random, true);
            image = QemuImg.create(folder.resolve("disk.qcow2"), options, content.length);
            home = new ShuffledHome(random);
            if (snapshot && !options.contains("refcount_bits=1")) {
                session(r -> {
                    r.run();
                    home.drain();
                });
                QemuImg.succeed("snapshot", "-c", "one", image.toString());
            }
            flushed = content.clone();
            model.touched.clear();
        }

        void session(Executor thread) {
            try (Qcow2Image opened = Qcow2Image.open(
                    image.toString(), CacheMode.WRITEBACK, false, List.of(), SMALL_CACHE, SMALL_CACHE)) {
                LinkOptions options = LinkOptions.of(IoMemory.of(List.of(model.memory)), DiskModel.DEPTH);
                BlockLink link = opened.attach(home, options);
                for (int i = 0; i < ROUNDS; i++) {
                    model.round(link, thread, opened.clusterBytes());
                    if (random.nextInt(3) == 0) {
                        model.flush(link, thread);
                        flushed = model.content.clone();
                    }
                }
                model.checkAll(link, thread);
                home.drain();
                link.close();
            }
        }

        void stepAndCrash() {
            while (home.hasHeld()) {
                home.step();
                if (random.nextInt(home.heldCount() <= FEW ? FEW_STEPS_PER_CRASH : STEPS_PER_CRASH) == 0) {
                    crash(random.nextInt(4) != 0 ? home.crash() : home.kill());
                }
            }
        }

        private void crash(byte[] left) {
            Path wreck = folder.resolve("wreck.qcow2");
            Path raw = folder.resolve("wreck.raw");
            try {
                Files.write(wreck, left);
                QemuImg.checkButLeaks(wreck);
                QemuImg.succeed("convert", "-f", "qcow2", "-O", "raw", wreck.toString(), raw.toString());
                byte[] disk = Files.readAllBytes(raw);
                for (int at = 0; at < flushed.length; at += DiskModel.SECTOR) {
                    // Only of what nobody has changed since is it known what it has to be.
                    if (!model.touched.get(at / DiskModel.SECTOR)) {
                        assertArrayEquals(Arrays.copyOfRange(flushed, at, at + DiskModel.SECTOR),
                            Arrays.copyOfRange(disk, at, at + DiskModel.SECTOR), "flushed, at " + at);
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void close() throws IOException {
            arena.close();
            Qcow2ImageProperties.delete(folder);
        }
    }
}
