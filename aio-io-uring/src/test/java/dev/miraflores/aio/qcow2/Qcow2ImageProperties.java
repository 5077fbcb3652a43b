// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.LinkOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/**
 * Whatever is done to an image, its disk is what a model of it says, to us and to QEMU, and its refcounts are right. Without
 * an I/O thread, so that each run is the same; with caches so small that they are always full.
 */
@AddLifecycleHook(NeedsQemuImg.Hook.class)
class Qcow2ImageProperties {

    private static final int SMALL_CACHE = 1;

    @Provide
    Arbitrary<String> options() {
        return Arbitraries.of(
            "", "compat=0.10", "cluster_size=512", "cluster_size=512,refcount_bits=64", "cluster_size=1k,refcount_bits=1",
            "cluster_size=2k,refcount_bits=2", "cluster_size=4k,refcount_bits=4", "cluster_size=4k,refcount_bits=8",
            "cluster_size=8k,refcount_bits=32", "cluster_size=2M", "compat=0.10,cluster_size=512",
            "preallocation=metadata", "preallocation=full,cluster_size=4k", "lazy_refcounts=on");
    }

    @Property(tries = 60)
    void shouldBeTheDiskThatTheModelIs(@ForAll long seed, @ForAll("options") String options) throws IOException {
        Random random = new Random(seed);
        Path folder = Files.createTempDirectory("qcow2");
        try (Arena arena = Arena.ofShared()) {
            int sectors = 1 + random.nextInt(options.contains("512") ? 8192 : 16384);
            byte[] content = new byte[Math.max(64, sectors) * DiskModel.SECTOR];
            Path image = QemuImg.create(folder.resolve("disk.qcow2"), options, content.length);
            DiskModel model = new DiskModel(content, arena, random, true);
            for (int session = 0; session < 2; session++) {
                run(image, model, List.of(), 25);
                QemuImg.check(image);
                QemuImg.compare(image, content);
            }
        } finally {
            delete(folder);
        }
    }

    /** The way from the file to the disk goes through everything: snapshots, compressed clusters, backing files. */
    @Property(tries = 30)
    void shouldKeepWhatOthersShare(@ForAll long seed, @ForAll boolean compressed, @ForAll boolean snapshots,
            @ForAll boolean backing, @ForAll boolean old) throws IOException {
        Random random = new Random(seed);
        Path folder = Files.createTempDirectory("qcow2");
        try (Arena arena = Arena.ofShared()) {
            byte[] content = new byte[(256 + random.nextInt(4096)) * DiskModel.SECTOR];
            for (int at = 0; at < content.length; at += 4096) {
                if (random.nextBoolean()) {
                    // Of few different bytes, so that it can be compressed.
                    for (int i = at; i < Math.min(content.length, at + 4096); i++) {
                        content[i] = (byte) (random.nextInt(4) * 17);
                    }
                }
            }
            String compat = old ? "compat=0.10" : "compat=1.1";
            int clusterBytes = 512 << random.nextInt(8);
            Path raw = folder.resolve("base.raw");
            Files.write(raw, content);
            Path image = folder.resolve("disk.qcow2");
            List<BackingFile> named = List.of();
            if (compressed) {
                QemuImg.succeed("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", compat + ",cluster_size=" + clusterBytes,
                    raw.toString(), image.toString());
            } else {
                QemuImg.succeed("convert", "-f", "raw", "-O", "qcow2", "-o", compat + ",cluster_size=" + clusterBytes,
                    raw.toString(), image.toString());
            }
            for (int layers = backing ? 1 + random.nextInt(3) : 0; layers > 0; layers--) {
                Path top = folder.resolve("layer" + layers + ".qcow2");
                QemuImg.succeed("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.toString(), "-o",
                    compat + ",cluster_size=" + (512 << random.nextInt(8)), top.toString());
                List<BackingFile> longer = new ArrayList<>(named);
                longer.addFirst(BackingFile.of(image.toString()));
                named = longer;
                image = top;
                if (layers > 1) {
                    run(image, new DiskModel(content, arena, random, false), named, 5);
                }
            }
            if (snapshots) {
                QemuImg.succeed("snapshot", "-c", "one", image.toString());
            }
            byte[] before = content.clone();
            // With a backing file of version 2, what is discarded stays as it is.
            DiskModel model = new DiskModel(content, arena, random, !backing);
            for (int session = 0; session < 2; session++) {
                run(image, model, named, 20);
                QemuImg.check(image);
                QemuImg.compare(image, content);
                if (session == 0 && snapshots) {
                    QemuImg.succeed("snapshot", "-c", "two", image.toString());
                }
            }
            if (snapshots) {
                QemuImg.succeed("snapshot", "-a", "one", image.toString());
                QemuImg.compare(image, before);
                QemuImg.check(image);
            }
        } finally {
            delete(folder);
        }
    }

    private static void run(Path path, DiskModel model, List<BackingFile> backing, int rounds) {
        try (Qcow2Image image = Qcow2Image.open(
                path.toString(), CacheMode.UNSAFE, false, backing, SMALL_CACHE, SMALL_CACHE)) {
            BlockLink link = image.attachSynchronously(LinkOptions.of(IoMemory.of(List.of(model.memory)), DiskModel.DEPTH));
            for (int i = 0; i < rounds; i++) {
                model.round(link, Runnable::run, image.clusterBytes());
            }
            model.checkAll(link, Runnable::run);
            link.close();
        }
    }

    static void delete(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }
}
