// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever somebody sends to the monitor for people: a prompt for each line, and before it text that a terminal shows and
 * does nothing else with.
 */
class HmpFuzzTest {

    private static final String[] LINES = {
        "help", "? stop", "info", "info block", "info network", "info pci", "info status", "s", "c", "system_powerdown", "system_reset",
        "balloon 512", "block_resize d 1G", "block_set_io_throttle d 1 0 0 0 0 9223372036854775807", "drive_add 0 file=/,id=x,format=qcow2",
        "drive_add 0 if=none,driver=null-co,id=n,size=1M", "device_add virtio-blk-pci,drive=n,id=b,num-queues=2", "device_del b",
        "drive_del n", "netdev_add user,id=u,hostfwd=tcp::1-:2", "device_add virtio-net-pci,netdev=u,id=v,mac=52:54:00:12:34:56", "netdev_del u",
        "set_link v off", "announce_self v,w", "drive_mirror -n d \"a file\"", "block_job_cancel -f j", "block_job_set_speed j 1K",
        "block_job_complete j", "\"", "\u001b[2J", "\u00e9\u0000"};

    static Stream<byte[]> seeds() {
        return Stream.concat(Stream.of(LINES), Stream.of(String.join("\r\n", LINES)))
            .map(line -> (line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldSayNothingButText(byte[] input) throws IOException {
        HmpCommands commands = new HmpCommands(new Monitor(new FakeMachine()), "1");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (Bounds _ = new Bounds()) {
            new HmpLines(commands, new ByteArrayInputStream(input), out).run("1");
        }
        String said = out.toString(StandardCharsets.UTF_8);
        long lines = new String(input, StandardCharsets.ISO_8859_1).chars().filter(c -> c == '\n').count();
        assertTrue(said.endsWith(HmpLines.PROMPT), said);
        assertTrue(said.split(java.util.regex.Pattern.quote(HmpLines.PROMPT), -1).length > lines + 1, said);
        assertEquals("", said.codePoints().filter(c -> Character.isISOControl(c) && c != '\n').mapToObj(Integer::toHexString)
            .reduce("", (all, one) -> all + " " + one), said);
        for (String line : new String(input, StandardCharsets.UTF_8).split("\n")) {
            commands.candidates(List.of(line.split(" ")));
        }
    }
}
