// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleGroup;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.aio.throttle.ThrottleStage;
import dev.miraflores.linux.Fd;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.HdrHistogram.Histogram;
import org.jctools.queues.atomic.MpscLinkedAtomicQueue;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The example of the manual, compiled as its author would, and found by its name. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SAME_THREAD)
class BlockStagesTest {

    private static final Path EXAMPLE = Path.of("..", "docs", "stage-example");
    private static final int EPERM = 1;

    @TempDir
    private static Path compiled;

    @BeforeAll
    static void compile() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "javac").toString(),
            "-Xlint:all", "-Werror", "-d", compiled.toString(), "-p", ourModules()));
        try (var files = Files.walk(EXAMPLE)) {
            files.filter(file -> file.toString().endsWith(".java")).map(Path::toString).forEach(command::add);
        }
        Process javac = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(javac.getInputStream().readAllBytes());
        assertEquals(0, javac.waitFor(), said);
        Path services = Path.of("META-INF", "services");
        Files.createDirectories(compiled.resolve(services));
        try (var files = Files.list(EXAMPLE.resolve(services))) {
            for (Path file : files.toList()) {
                Files.copy(file, compiled.resolve(services).resolve(file.getFileName()));
            }
        }
    }

    /** This module and what it requires, wherever they come from. */
    private static String ourModules() {
        List<String> places = new ArrayList<>();
        for (Class<?> type : List.of(BlockStage.class, Fd.class, MpscLinkedAtomicQueue.class, Histogram.class)) {
            places.add(Path.of(URI.create(type.getProtectionDomain().getCodeSource().getLocation().toString())).toString());
        }
        return String.join(File.pathSeparator, places);
    }

    @Test
    void shouldFindAStageOnTheClassPath() throws IOException {
        try (URLClassLoader loader = new URLClassLoader(new URL[] {compiled.toUri().toURL()}, getClass().getClassLoader());
                BlockStage stage = open(loader, "protect", Map.of())) {
            assertEquals("dev.example.protect.ProtectStage", stage.getClass().getName());
            assertSame(loader, stage.getClass().getClassLoader());
        }
    }

    @Test
    void shouldFindAStageInAModule() {
        try (BlockStage stage = open(moduleLoader(), "protect", Map.of("bytes", "512"))) {
            assertEquals("dev.example.protect", stage.getClass().getModule().getName());
        }
    }

    private ClassLoader moduleLoader() {
        ModuleLayer ours = BlockStage.class.getModule().getLayer();
        Configuration configuration = ours.configuration().resolve(
            ModuleFinder.of(compiled), ModuleFinder.of(), Set.of("dev.example.protect"));
        return ours.defineModulesWithOneLoader(configuration, getClass().getClassLoader()).findLoader("dev.example.protect");
    }

    @Test
    void shouldSayWhatStagesThereAre() {
        assertEquals("drive disk0: no stage=encrypt; there are protect", refusal(moduleLoader(), "encrypt", Map.of()));
        assertEquals("drive disk0: no stage=encrypt; there are none: put the jar that has it on --stage-path or the module path",
            refusal(getClass().getClassLoader(), "encrypt", Map.of()));
    }

    @Test
    void shouldRefuseOptionsInOneLine() {
        ClassLoader loader = moduleLoader();
        assertEquals("drive disk0: stage protect: bytes=many is not a number",
            refusal(loader, "protect", Map.of("bytes", "many")));
        assertEquals("drive disk0: stage protect: no option size; there are bytes",
            refusal(loader, "protect", Map.of("size", "1")));
    }

    /** The user's stage and one of ours, in one chain, on an I/O thread. */
    @Test
    void shouldWorkBesideAThrottle() {
        ThrottleGroup group = new ThrottleGroup("g",
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(1000)));
        try (IoThread thread = IoThread.start("test-stages"); Arena arena = Arena.ofShared();
                BlockStage throttle = new ThrottleStage(group);
                BlockStage protect = open(moduleLoader(), "protect", Map.of("bytes", "4096"))) {
            List<Long> reached = new ArrayList<>();
            BlockLink end = new BlockLink() {
                @Override
                public void submit(BlockIo io) {
                    reached.add(io.offset());
                    io.complete(0);
                }

                @Override
                public void close() {
                }
            };
            LinkOptions options = LinkOptions.of(IoMemory.NONE, 8);
            BlockLink[] links = new BlockLink[2];
            thread.call(() -> {
                links[1] = protect.attach(thread, end, options);
                links[0] = throttle.attach(thread, links[1], options);
            });
            TestIo io = new TestIo(arena);
            MemorySegment buffer = arena.allocate(512);
            assertEquals(-EPERM, io.with(Operation.WRITE, 512, buffer).run(thread, links[0]));
            assertEquals(0, io.with(Operation.READ, 1024, buffer).run(thread, links[0]));
            for (int i = 0; i < 200; i++) {
                assertEquals(0, io.with(Operation.WRITE, 4096 + 512 * i, buffer).run(thread, links[0]));
            }
            assertEquals(201, reached.size());
            assertFalse(reached.contains(512L));
            thread.call(() -> {
                links[0].close();
                links[1].close();
            });
        }
    }

    /** A provider that is broken is the affair of the drive that names it. */
    @Test
    void shouldTellOfAProviderThatFails() {
        assertTrue(refusal(new BrokenLoader(getClass().getClassLoader()), "protect", Map.of())
            .startsWith("drive disk0: stage=protect: a provider of stages cannot be loaded: "));
    }

    /** Names a provider that is not there. */
    private static final class BrokenLoader extends URLClassLoader {
        BrokenLoader(ClassLoader parent) {
            super(new URL[0], parent);
        }

        @Override
        public URL findResource(String name) {
            return name.equals("META-INF/services/" + BlockStageProvider.class.getName()) ? missing() : null;
        }

        private static URL missing() {
            try {
                Path file = Files.createTempFile(compiled, "services", "");
                Files.writeString(file, "dev.example.Missing\n");
                return file.toUri().toURL();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }

        @Override
        public Enumeration<URL> findResources(String name) {
            URL found = findResource(name);
            return Collections.enumeration(found == null ? List.of() : List.of(found));
        }
    }

    private static BlockStage open(ClassLoader loader, String stage, Map<String, String> options) {
        Thread current = Thread.currentThread();
        ClassLoader before = current.getContextClassLoader();
        current.setContextClassLoader(loader);
        try {
            return BlockStages.open(new StageRequest(stage, "disk0", 1 << 20, false, options));
        } finally {
            current.setContextClassLoader(before);
        }
    }

    private static String refusal(ClassLoader loader, String stage, Map<String, String> options) {
        return assertThrows(DriveException.class, () -> open(loader, stage, options)).getMessage();
    }
}
