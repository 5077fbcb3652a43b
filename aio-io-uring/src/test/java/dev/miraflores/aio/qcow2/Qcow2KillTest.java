// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A process that writes is killed: its image is valid, and what it was told is durable is there. */
@NeedsQemuImg
class Qcow2KillTest {

    private static final int DISK_BYTES = 8 << 20;
    private static final int BLOCK = 4096;
    private static final int BLOCKS = DISK_BYTES / BLOCK;
    /** Rounds that the writer has reported before it is killed. */
    private static final int MIN_ROUNDS = 3;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"cluster_size=4k", "cluster_size=512,refcount_bits=64", "cluster_size=64k"})
    void shouldSurviveAKill(String options) throws Exception {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), options, DISK_BYTES);
        List<String> command = new ArrayList<>(List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED", "-cp",
            classPath(), Writer.class.getName(), path.toString()));
        Process writer = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        int flushed = 0;
        try (BufferedReader said = new BufferedReader(
                new InputStreamReader(writer.getInputStream(), StandardCharsets.UTF_8))) {
            int rounds = MIN_ROUNDS + new Random().nextInt(20);
            for (String line; flushed < rounds && (line = said.readLine()) != null; ) {
                flushed = Integer.parseInt(line);
            }
            // By its handle, which leaves what it has said to be read.
            writer.toHandle().destroyForcibly();
            for (String line; (line = said.readLine()) != null && !line.isEmpty(); ) {
                flushed = Math.max(flushed, Integer.parseInt(line));
            }
        }
        assertTrue(writer.waitFor(60, TimeUnit.SECONDS));
        assertTrue(flushed >= MIN_ROUNDS, "the writer ended by itself, after round " + flushed);

        awaitUnlocked(path);
        QemuImg.checkButLeaks(path);
        checkContent(path, flushed);
    }

    /** The kernel takes a ring, and the file in it, down a while after the process. */
    private static void awaitUnlocked(Path path) throws InterruptedException {
        for (int tries = 0; tries < 600 && QemuImg.run("check", path.toString()).output().contains("lock"); tries++) {
            Thread.sleep(100);
        }
    }

    private static String classPath() throws Exception {
        List<String> parts = new ArrayList<>();
        for (Class<?> each : List.of(Qcow2KillTest.class, Qcow2Image.class, dev.miraflores.linux.Fd.class,
                org.jctools.queues.MpscArrayQueue.class)) {
            parts.add(Path.of(each.getProtectionDomain().getCodeSource().getLocation().toURI()).toString());
        }
        return String.join(":", parts);
    }

    /** Block b of round r holds r, or the number of a later round that was not flushed. */
    private void checkContent(Path path, int flushed) throws IOException {
        Path raw = folder.resolve("disk.raw");
        QemuImg.succeed("convert", "-f", "qcow2", "-O", "raw", path.toString(), raw.toString());
        ByteBuffer disk = ByteBuffer.wrap(Files.readAllBytes(raw));
        int[] expected = new int[BLOCKS];
        for (int round = 1; round <= flushed; round++) {
            for (int block : blocks(round)) {
                expected[block] = round;
            }
        }
        for (int block = 0; block < BLOCKS; block++) {
            int got = disk.getInt(block * BLOCK);
            if (got <= flushed) {
                assertEquals(expected[block], got, "block " + block);
            }
        }
    }

    private static int[] blocks(int round) {
        return new Random(round).ints(32, 0, BLOCKS).distinct().toArray();
    }

    /** Writes rounds of blocks, and says the number of each that is durable. */
    static final class Writer {

        private Writer() {
        }

        public static void main(String[] arguments) throws InterruptedException {
            Arena arena = Arena.ofShared();
            MemorySegment memory = arena.allocate(64L * BLOCK, BLOCK);
            Qcow2Image image = Qcow2Image.open(arguments[0], CacheMode.WRITEBACK, false, List.of(), 1, 1);
            IoThread thread = IoThread.start("writer");
            BlockLink[] link = new BlockLink[1];
            thread.call(() -> link[0] = image.attach(thread, LinkOptions.of(IoMemory.of(List.of(memory)), 64)));
            for (int round = 1; ; round++) {
                int[] blocks = blocks(round);
                CountDownLatch left = new CountDownLatch(blocks.length);
                int number = round;
                thread.execute(() -> {
                    for (int i = 0; i < blocks.length; i++) {
                        MemorySegment buffer = memory.asSlice((long) i * BLOCK, BLOCK);
                        buffer.set(ValueLayout.JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN), 0, number);
                        Io io = new Io(arena, left);
                        io.begin(Operation.WRITE, (long) blocks[i] * BLOCK);
                        io.addBuffer(buffer.address(), BLOCK);
                        link[0].submit(io);
                    }
                });
                left.await();
                CountDownLatch flush = new CountDownLatch(1);
                thread.execute(() -> {
                    Io io = new Io(arena, flush);
                    io.begin(Operation.FLUSH, 0);
                    link[0].submit(io);
                });
                flush.await();
                System.out.println(round);
            }
        }

        private static final class Io extends BlockIo {
            private final CountDownLatch left;

            Io(Arena arena, CountDownLatch left) {
                super(arena.allocate(IOVEC_BYTES, 8));
                this.left = left;
            }

            @Override
            protected void onComplete(int result) {
                if (result == 0) {
                    left.countDown();
                }
            }

            @Override
            protected void onFailure(Throwable bug) {
                bug.printStackTrace();
            }
        }
    }
}
