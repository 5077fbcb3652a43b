// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a flight recording shows of the drives that were opened. */
class DriveEngineEventTest {

    @TempDir
    Path folder;

    @Test
    void shouldRecordWhyADriveMakesDo() throws Exception {
        Path image = Files.write(folder.resolve("disk.img"), new byte[8192]);
        Path dump = folder.resolve("drive.jfr");
        try (Recording recording = new Recording(); Arena arena = Arena.ofShared();
                IoThread thread = IoThread.start("test-io", IoThreadOptions.DEFAULTS.withEpoll());
                BlockFile file = BlockFile.open(image.toString(), CacheMode.WRITEBACK, false)) {
            recording.start();
            LinkOptions options = LinkOptions.of(IoMemory.of(List.of(arena.allocate(4096))), 4);
            thread.call(() -> thread.open(file, options).close());
            DriveException refusal = assertThrows(DriveException.class,
                () -> thread.call(() -> thread.open(file, options.withEngine(EngineKind.IO_URING))));
            assertEquals("drive " + image + ": aio=io_uring: its I/O thread was asked to wait with epoll; or use"
                + " aio=threads", refusal.getMessage());
            recording.stop();
            recording.dump(dump);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(dump).stream()
            .filter(event -> event.getEventType().getName().equals("dev.miraflores.DriveEngine")).toList();
        assertEquals(1, events.size());
        RecordedEvent event = events.getFirst();
        assertEquals(image.toString(), event.getString("drive"));
        assertEquals("threads", event.getString("engine"));
        assertEquals(true, event.getBoolean("fallback"));
        assertEquals("aio=io_uring: its I/O thread was asked to wait with epoll; aio=native needs cache=none or"
            + " cache=directsync, not cache=writeback", event.getString("whyNot"));
        assertEquals("test-io", event.getThread().getJavaName());
    }
}
