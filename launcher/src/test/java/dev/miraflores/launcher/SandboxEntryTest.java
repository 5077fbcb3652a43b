// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.serial.CharBackend;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.VirtualMachine;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

@KvmTest
class SandboxEntryTest {

    private static final int SOON_MS = 300;
    private static final int LONG_MS = 30_000;

    /** What a client asks for is done inside: whoever has connected before is not even greeted. */
    @Test
    void shouldServeMonitorsOnlyOnceInTheSandbox() throws Exception {
        Path directory = Files.createTempDirectory("hv-test"); // a socket's path has to be short
        Path path = directory.resolve("q");
        Arguments arguments = ArgumentParser.parse(RunOptions.all(),
                new String[] {"--kernel", "k", "--sandbox", "off", "--qmp", "unix:" + path}, 0);
        MachineConfig config = MachineConfig.builder().kernel("guest.elf", BuiltInGuest.image()).memoryBytes(32L << 20)
                .console(CharBackend.none()).build();
        List<String> events = new ArrayList<>();
        try (MonitorOptions monitors = MonitorOptions.open(arguments); UnixSocket client = UnixSocket.connect(path.toString());
                VirtualMachine machine = VirtualMachine.create(config)) {
            // It says what is lost without it, and that is where others are taken in.
            PrintStream err = new PrintStream(OutputStream.nullOutputStream()) {
                @Override
                public void println(String line) {
                    assertTrue(line.startsWith("hv: --sandbox off"), line);
                    events.add("sandbox");
                    assertFalse(isGreeted(client, SOON_MS));
                }
            };
            new SandboxEntry(SandboxOption.parse(arguments), config, ConsoleOption.parse("none"), monitors,
                    new First(events), err).attach(machine);

            assertTrue(isGreeted(client, LONG_MS));
            assertEquals(List.of("first", "sandbox"), events);
        } finally {
            Files.deleteIfExists(path);
            Files.delete(directory);
        }
    }

    private static boolean isGreeted(UnixSocket client, int timeoutMs) {
        return Poll.poll(client.number(), Poll.POLLIN, timeoutMs) != 0;
    }

    private record First(List<String> events) implements Companion {

        @Override
        public void attach(VirtualMachine machine) {
            events.add("first");
        }

        @Override
        public void ended(StopCause cause) {
        }
    }
}
