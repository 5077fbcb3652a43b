// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class CleanupTest {

    private static final long BYTES = 1L << 20;

    private final List<String> closed = new ArrayList<>();
    private final Cleanup cleanup = new Cleanup();

    private void fail(RuntimeException failure) {
        AutoCloseable failing = () -> {
            throw failure;
        };
        cleanup.add(failing);
    }

    private void add(String name) {
        AutoCloseable named = () -> closed.add(name);
        cleanup.add(named);
    }

    private static void touch(GuestMemory memory) {
        memory.regions().getFirst().segment().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0);
    }

    @Test
    void shouldCloseTheLastFirstWhateverFails() {
        add("first");
        fail(new IllegalArgumentException("no"));
        add("last");
        IllegalStateException e = assertThrows(IllegalStateException.class, cleanup::close);
        assertEquals("closing a machine failed: no", e.getMessage());
        assertEquals(List.of("last", "first"), closed);
    }

    @Test
    void shouldGiveMemoryBackThoughSomethingFailed() {
        GuestMemory memory = cleanup.addForRequests(GuestMemory.anonymous(BYTES));
        fail(new IllegalStateException("no"));
        assertThrows(IllegalStateException.class, cleanup::close);
        assertThrows(IllegalStateException.class, () -> touch(memory));
    }

    /** As a failure of its own, behind another, or as the cause of one, as where a part of a machine was closed. */
    @Test
    @Tag("class:lifetime")
    void shouldLeaveMemoryMappedThatTheKernelMayWriteInto() {
        List<RuntimeException> failures = List.of(new MemoryInUseException("drive d: a read for 40 s"),
                new IllegalStateException("board", new MemoryInUseException("drive d: a read for 40 s")),
                suppressing());
        for (RuntimeException failure : failures) {
            GuestMemory memory = cleanup.addForRequests(GuestMemory.anonymous(BYTES));
            add("between");
            fail(failure);
            fail(new IllegalArgumentException("first"));
            assertThrows(IllegalStateException.class, cleanup::close);
            assertEquals(List.of("between"), closed);
            touch(memory);
            memory.close();
            closed.clear();
        }
    }

    private static RuntimeException suppressing() {
        RuntimeException several = new IllegalStateException("several");
        several.addSuppressed(new MemoryInUseException("drive d: a read for 40 s"));
        return several;
    }
}
