// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpawnTest {

    private static String run(String script, int expectedCode) {
        UnixSocket[] pair = UnixSocket.pair();
        try (UnixSocket ours = pair[0]; UnixSocket its = pair[1]; Fd output = Memfd.create("output", 0);
                Fd nothing = Fd.open("/dev/null", Fd.O_RDONLY); Arena arena = Arena.ofConfined()) {
            String command = script.replace("FD", Integer.toString(its.number())).replace("OTHER", Integer.toString(ours.number()));
            int id = Spawn.start(List.of("/bin/sh", "-c", command), nothing.number(), output.number(), its.number());
            assertEquals(expectedCode, Spawn.await(id));
            assertEquals(-Errno.ECHILD, Spawn.await(id));
            MemorySegment bytes = arena.allocate(100);
            FileIo.pread(output.number(), bytes, 0);
            return bytes.getString(0);
        }
    }

    @Test
    void shouldGiveItTheDescriptorAndNoOther() {
        assertEquals("told\n", run("[ -S /proc/self/fd/FD ] && [ ! -e /proc/self/fd/OTHER ] && echo told", 0));
    }

    /** The JDK makes its sockets without close-on-exec. */
    @Test
    void shouldKeepTheSocketsOfTheJdkToItself() throws IOException {
        try (ServerSocketChannel listener = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
            assertTrue(listener.isOpen());
            assertEquals("1\n", run("n=0; for f in /proc/self/fd/*; do [ -S $f ] && n=$((n+1)); done; echo $n", 0));
        }
    }

    @Test
    void shouldKeepThemWhereTheKernelHasNoCallForAll() throws IOException {
        try (ServerSocketChannel listener = ServerSocketChannel.open()) {
            assertTrue(listener.isOpen() && Arrays.stream(open()).anyMatch(number -> !isClosedOnExec(number)));
            Spawn.closeEachOnExec();
            assertArrayEquals(new int[0], Arrays.stream(open()).filter(number -> !isClosedOnExec(number)).toArray());
        }
    }

    private static int[] open() {
        return Arrays.stream(new File("/proc/self/fd").list()).mapToInt(Integer::parseInt).filter(number -> number > 2).toArray();
    }

    /** One that is gone by now counts as closed. */
    private static boolean isClosedOnExec(int number) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/fdinfo", Integer.toString(number)))) {
                if (line.startsWith("flags:")) {
                    return (Integer.parseInt(line.substring(6).strip(), 8) & Fd.O_CLOEXEC) != 0;
                }
            }
        } catch (IOException e) {
            return true;
        }
        return true;
    }

    @Test
    void shouldTellHowItEnded() {
        assertEquals("", run("exit 7", 7));
        assertEquals("", run("kill -9 $$", Spawn.SIGNALLED + 9));
    }

    @Test
    void shouldSayWhyItDoesNotStart() {
        ErrnoException refusal = assertThrows(ErrnoException.class, () -> Spawn.start(List.of("/no/such/program"), 0, 1, 2));
        assertEquals("posix_spawn(/no/such/program): ENOENT (2)", refusal.getMessage());
    }
}
