// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images on I/O threads: every engine and cache mode, several queues, reset in between. */
@NeedsQemuImg
class Qcow2EngineTest {

    private static final int SMALL_CACHE = 1;
    private static final int ROUNDS = 40;

    @TempDir
    private Path folder;
    private final Arena arena = Arena.ofShared();
    private final Random random = new Random(7);
    private final IoThread thread = IoThread.start("test-qcow2");
    private BlockLink[] links = {};

    @AfterEach
    void close() {
        thread.close();
        arena.close();
    }

    private Qcow2Image open(Path path, CacheMode cache, List<BackingFile> backing) {
        return Qcow2Image.open(path.toString(), cache, false, backing, SMALL_CACHE, SMALL_CACHE);
    }

    private void attach(Qcow2Image image, DiskModel model, EngineKind engine, int queues) {
        LinkOptions options = LinkOptions.of(IoMemory.of(List.of(model.memory)), DiskModel.DEPTH).withEngine(engine);
        links = new BlockLink[queues];
        thread.call(() -> {
            for (int i = 0; i < queues; i++) {
                links[i] = image.attach(thread, options);
            }
        });
    }

    private void detach() {
        thread.call(() -> {
            for (BlockLink link : links) {
                link.close();
            }
        });
    }

    @ParameterizedTest
    @CsvSource({
        "IO_URING, WRITEBACK, cluster_size=64k", "IO_URING, NONE, cluster_size=4k", "IO_URING, DIRECTSYNC, cluster_size=512",
        "IO_URING, WRITETHROUGH, 'compat=0.10,cluster_size=1k'", "NATIVE, NONE, 'cluster_size=8k,refcount_bits=1'",
        "NATIVE, NONE, cluster_size=512", "THREADS, WRITEBACK, 'cluster_size=512,refcount_bits=64'",
        "THREADS, UNSAFE, cluster_size=2M"})
    void shouldBeTheDiskThatTheModelIs(EngineKind engine, CacheMode cache, String options) {
        DiskModel model = new DiskModel(new byte[(3 << 20) + DiskModel.SECTOR], arena, random, true);
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), options, model.content.length);
        for (int session = 0; session < 2; session++) {
            try (Qcow2Image image = open(path, cache, List.of())) {
                for (int activation = 0; activation < 2; activation++) {
                    attach(image, model, engine, 2);
                    for (int i = 0; i < ROUNDS / 2; i++) {
                        model.round(links[i & 1], thread::execute, image.clusterBytes());
                    }
                    model.checkAll(links[1], thread::execute);
                    detach();
                }
            }
            QemuImg.check(path);
            QemuImg.compare(path, model.content);
        }
    }

    @Test
    void shouldLetGoOfTheFileWhereNoLinkIsToBeHad() {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 1 << 20);
        DiskModel model = new DiskModel(new byte[1 << 20], arena, random, true);
        for (int i = 0; i < 2; i++) {
            try (Qcow2Image image = open(path, CacheMode.WRITEBACK, List.of())) {
                assertThrows(DriveException.class, () -> attach(image, model, EngineKind.NATIVE, 1));
            }
        }
    }

    /** As when a stage is put in: all links go and come within one message. */
    @Test
    void shouldKeepItsLinkToTheFileWhenLinksComeAndGoAtOnce() {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 1 << 20);
        DiskModel model = new DiskModel(new byte[1 << 20], arena, random, true);
        LinkOptions options = LinkOptions.of(IoMemory.of(List.of(model.memory)), DiskModel.DEPTH)
            .withEngine(EngineKind.THREADS);
        long before = workers();
        try (Qcow2Image image = open(path, CacheMode.WRITEBACK, List.of())) {
            thread.call(() -> {
                for (int i = 0; i < 20; i++) {
                    image.attach(thread, options).close();
                }
                links = new BlockLink[] {image.attach(thread, options)};
            });
            model.round(links[0], thread::execute, image.clusterBytes());
            detach();
        }
        // Those of links that were closed end on their own.
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (workers() > before && System.nanoTime() - deadline < 0) {
            Thread.onSpinWait();
        }
        assertEquals(before, workers());
        QemuImg.check(path);
    }

    private long workers() {
        return Thread.getAllStackTraces().keySet().stream()
            .filter(each -> each.getName().startsWith(thread.name() + "-w")).count();
    }

    @ParameterizedTest
    @CsvSource({"IO_URING, NONE", "THREADS, WRITEBACK"})
    void shouldReadWhatIsCompressedAndBehind(EngineKind engine, CacheMode cache) throws IOException {
        DiskModel model = new DiskModel(new byte[2 << 20], arena, random, false);
        for (int i = 0; i < model.content.length; i++) {
            model.content[i] = (byte) (random.nextInt(3) * (i >>> 16));
        }
        Path raw = folder.resolve("base.raw");
        Files.write(raw, model.content);
        Path packed = folder.resolve("packed.qcow2");
        QemuImg.succeed("convert", "-c", "-f", "raw", "-O", "qcow2", raw.toString(), packed.toString());
        Path top = folder.resolve("top.qcow2");
        QemuImg.succeed("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", packed.toString(), "-o", "cluster_size=8k",
            top.toString());
        try (Qcow2Image image = open(top, cache, BackingFile.chain(packed.toString()))) {
            attach(image, model, engine, 1);
            model.checkAll(links[0], thread::execute);
            for (int i = 0; i < ROUNDS; i++) {
                model.round(links[0], thread::execute, image.clusterBytes());
            }
            detach();
        }
        QemuImg.check(top);
        QemuImg.compare(top, model.content);
    }

    @Test
    void shouldStayOnOneThread() {
        DiskModel model = new DiskModel(new byte[1 << 20], arena, random, true);
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", model.content.length);
        try (Qcow2Image image = open(path, CacheMode.WRITEBACK, List.of()); IoThread other = IoThread.start("test-other")) {
            attach(image, model, null, 1);
            LinkOptions options = LinkOptions.of(IoMemory.of(List.of(model.memory)), 1);
            String refusal = assertThrows(DriveException.class, () -> other.call(() -> image.attach(other, options)))
                .getMessage();
            assertTrue(refusal.contains("use iothreads=1"), refusal);
            detach();
            thread.call(() -> { }); // which lets go of the image with its next message
            other.call(() -> image.attach(other, options).close());
        }
    }

    @Test
    void shouldWriteWhatIsLeftWhenThreadAndImageAreClosed() {
        DiskModel model = new DiskModel(new byte[1 << 20], arena, random, true);
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "cluster_size=512", model.content.length);
        try (Qcow2Image image = open(path, CacheMode.WRITEBACK, List.of()); IoThread own = IoThread.start("test-own")) {
            LinkOptions options = LinkOptions.of(IoMemory.of(List.of(model.memory)), DiskModel.DEPTH);
            BlockLink[] link = new BlockLink[1];
            own.call(() -> link[0] = image.attach(own, options));
            for (int i = 0; i < ROUNDS; i++) {
                model.round(link[0], own::execute, image.clusterBytes());
            }
            own.call(link[0]::close);
        }
        QemuImg.check(path);
        QemuImg.compare(path, model.content);
        assertEquals(1 << 20, model.content.length);
    }
}
