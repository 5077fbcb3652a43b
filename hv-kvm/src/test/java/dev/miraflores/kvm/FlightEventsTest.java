// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a flight recording shows of a VM. */
@KvmTest
class FlightEventsTest {
    @TempDir
    Path folder;

    @Test
    void shouldRecordTheLifeOfVmAndVcpuAndItsExits() throws InterruptedException, IOException {
        Path file = folder.resolve("guest.jfr");
        try (Recording recording = new Recording()) {
            recording.enable("dev.miraflores.VcpuExit");
            recording.enable("dev.miraflores.VcpuExitCount");
            recording.start();
            try (TinyGuest guest = TinyGuest.realMode(new RecordingHandler(), """
                    e6 80                          out 0x80,al
                    e4 80                          in al,0x80
                    f4                             hlt
                    """)) {
                guest.vm().pause();
                guest.vm().start();
                guest.vm().pause();
                guest.vm().resume();
                guest.awaitEnd();
            }
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        List<String> vm = values(events, "dev.miraflores.Vm", "state");
        assertEquals(List.of("created", "paused", "started", "paused", "resumed", "stopping", "closed"), vm);
        assertTrue(values(events, "dev.miraflores.Vm", "cause").contains(new StopCause.Halted(0).summary()));
        assertEquals(List.of("started", "resumed", "ended"), values(events, "dev.miraflores.Vcpu", "state"));
        assertEquals(
                List.of("KVM_EXIT_IO", "KVM_EXIT_IO", "KVM_EXIT_HLT"),
                values(events, "dev.miraflores.VcpuExit", "reason"));
        RecordedEvent portExits = events.stream()
                .filter(event -> event.getEventType().getName().equals("dev.miraflores.VcpuExitCount"))
                .filter(event -> event.getString("reason").equals("KVM_EXIT_IO"))
                .reduce((first, last) -> last)
                .orElseThrow();
        assertEquals(2, portExits.getLong("count"));
        assertEquals("tiny", portExits.getString("vm"));
    }

    private static List<String> values(List<RecordedEvent> events, String type, String field) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(type))
                .sorted((a, b) -> a.getEndTime().compareTo(b.getEndTime()))
                .map(event -> String.valueOf(event.getString(field)))
                .toList();
    }
}
