// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

class NativeThreadTest {
    @Test
    void shouldTellProcessAndThread() {
        int here = NativeThread.gettid();
        int there = onAnotherThread(NativeThread::gettid);

        assertEquals(ProcessHandle.current().pid(), NativeThread.getpid());
        assertEquals(here, NativeThread.gettid());
        assertNotEquals(here, there);
    }

    /** prctl(2), PR_SET_NAME: at most 16 bytes with the terminating zero. */
    @Test
    void shouldNameTheThreadForTheKernel() {
        String name = onAnotherThread(() -> {
            NativeThread.setName("disk0 and then some more");
            return Files.readString(Path.of("/proc/self/task/" + NativeThread.gettid() + "/comm")).strip();
        });

        assertEquals("disk0 and then", name);
    }

    @Test
    void shouldRefuseASignalThatIsNone() {
        assertEquals(-Errno.EINVAL, NativeThread.kill(NativeThread.gettid(), 1000));
    }

    @Test
    void shouldDescribeTheHost() {
        int page = SysInfo.pageSize();

        assertTrue(page >= 4096 && Integer.bitCount(page) == 1, "page " + page);
        assertTrue(SysInfo.physicalMemory() > 64 << 20);
        assertTrue(SysInfo.freeMemory() > 0 && SysInfo.freeMemory() <= SysInfo.physicalMemory());
        assertTrue(SysInfo.onlineCpus() >= 1);
        assertTrue(SysInfo.memlockLimit() >= 0);
    }

    private interface Task<T> {
        T call() throws Exception;
    }

    private static <T> T onAnotherThread(Task<T> task) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                result.complete(task.call());
            } catch (Exception e) {
                result.completeExceptionally(e);
            }
        });
        try {
            return result.join();
        } catch (CompletionException e) {
            throw new AssertionError(e.getCause());
        }
    }
}
