// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
