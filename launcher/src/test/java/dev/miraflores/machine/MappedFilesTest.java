// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.BlockCounters;
import dev.miraflores.memory.MemoryBacking;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * No file that another process could truncate is mapped: kernel and images are read, and what is mapped is the kernel's own, or
 * sealed. A file that shrinks is an error of requests, never a SIGBUS.
 */
@KvmTest
class MappedFilesTest {

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private final ScriptedConsole console = new ScriptedConsole();

    @Test
    void shouldMapNoFileByName() throws Exception {
        Path kernel = Files.write(directory.resolve("guest.elf"), BuiltInGuest.image());
        Path image = BuiltInGuest.disk(directory, 16);
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=4", console)
                .kernel(kernel).memoryBacking(MemoryBacking.MEMFD).drive(DriveConfig.of(image.toString())).build())) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            assertEquals(List.of(), mapped(directory.toRealPath().toString()));
            assertTrue(!mapped("/memfd:guest-ram").isEmpty());
        }
    }

    private static List<String> mapped(String name) throws IOException {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            return maps.filter(line -> line.contains(name)).toList();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"io_uring", "threads"})
    void shouldOutliveAnImageThatIsTruncated(String engine) throws Exception {
        Path image = BuiltInGuest.disk(directory, 256);
        ScriptedConsole other = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=requests ms=2000 depth=8", console)
                .drive(DriveConfig.parse("file=" + image + ",id=short,aio=" + engine)).build());
             VirtualMachine neighbour = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=4 every=0", other)
                .drive(DriveConfig.of(BuiltInGuest.disk(directory, 16).toString())).build())) {
            neighbour.start();
            machine.start();
            List<BlockCounters> counters = machine.drive("short").status().counters();
            await(counters, BlockCounter.READS);
            try (FileChannel file = FileChannel.open(image, StandardOpenOption.WRITE)) {
                file.truncate(0);
            }
            await(counters, BlockCounter.READ_ERRORS);
            other.take(" requests, ", BuiltInGuest.LIMIT);
            assertNull(neighbour.stopCause());
        }
    }

    private void await(List<BlockCounters> counters, BlockCounter what) throws InterruptedException {
        for (long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos(); counters.getFirst().requests().get(what) == 0;) {
            assertTrue(System.nanoTime() < end, () -> what + " " + console.text());
            Thread.sleep(5);
        }
    }
}
