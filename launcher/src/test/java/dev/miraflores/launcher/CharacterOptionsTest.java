// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.console.PortConfig;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.MachineConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CharacterOptionsTest {

    private static CharacterOptions parse(String... words) {
        return CharacterOptions.parse(ArgumentParser.parse(RunOptions.all(), words, 0));
    }

    private static MachineConfig machine(String... words) {
        List<String> all = new ArrayList<>(List.of("--kernel", "K"));
        all.addAll(List.of(words));
        Arguments arguments = ArgumentParser.parse(RunOptions.all(), all.toArray(new String[0]), 0);
        MachineConfig.Builder machine = RunOptions.machine(arguments);
        CharacterOptions.parse(arguments).describe(machine);
        return machine.build();
    }

    @Test
    void shouldNumberPortsAsTheyCome() {
        List<PortConfig> ports = machine("--virtconsole", "none", "--port", "name=org.a.0,backend=none",
                "--port", "name=org.b.0,backend=none,nr=2,id=b", "--port", "name=org.c.0,backend=none").ports();
        assertEquals(List.of("0 virtcon0 null", "1 org.a.0 org.a.0", "2 b org.b.0", "3 org.c.0 org.c.0"),
                ports.stream().map(port -> port.number() + " " + port.id() + " " + port.name()).toList());
        assertTrue(machine().ports().isEmpty());
    }

    /** The terminal is the virtual console's where that wants it, and the serial port's else. */
    @Test
    void shouldGiveStandardInputToOne() {
        assertEquals(ConsoleOption.Kind.STDIO, parse().serial().kind());
        assertEquals(ConsoleOption.Kind.NONE, parse("--virtconsole", "stdio").serial().kind());
        assertEquals(ConsoleOption.Kind.STDIO, parse("--virtconsole", "unix:/tmp/s").serial().kind());
        assertEquals(ConsoleOption.Kind.FILE, parse("--console", "file:F", "--virtconsole", "stdio").serial().kind());
        ConfigException e = assertThrows(ConfigException.class, () -> parse("--console", "stdio", "--virtconsole", "stdio"));
        assertEquals("--virtconsole stdio: --console stdio has standard input and output already;"
                + " use another place for one of them", e.getMessage());
        e = assertThrows(ConfigException.class, () -> parse("--virtconsole", "stdio", "--port", "name=n,backend=stdio"));
        assertEquals("--port name=n,backend=stdio: --virtconsole stdio has standard input and output already;"
                + " use another place for one of them", e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "backend=none | no name is given; use name=NAME",
        "name=n | no back end is named; use backend=unix:PATH, for example",
        "name=n,backend=none,nr=0 | nr is from 1 to 30; 0 is the console, which --virtconsole adds",
        "name=n,backend=none,nr=31 | nr is from 1 to 30; 0 is the console, which --virtconsole adds",
        "name=n,backend=none,nr=x | nr is from 1 to 30; 0 is the console, which --virtconsole adds",
        "name=a/b,backend=none | the name becomes a file's in the guest: use 1 to 128 bytes without spaces, slashes or control characters, and neither . nor ..",
        "nam=n,backend=none | 'nam' is unknown; the nearest is 'name'"})
    void shouldSayWhatIsWrongWithAPort(String text, String what) {
        ConfigException e = assertThrows(ConfigException.class, () -> parse("--port", text));
        assertEquals("--port " + text + ": " + what, e.getMessage());
    }

    @Test
    void shouldSayWhatIsWrongWithABackEnd() {
        ConfigException e = assertThrows(ConfigException.class, () -> parse("--port", "name=n,backend=unix:"));
        assertEquals("--port name=n,backend=unix:: no path is named; use --port name=n,backend=unix:PATH", e.getMessage());
        e = assertThrows(ConfigException.class, () -> parse("--virtconsole", "pty"));
        assertEquals("--virtconsole pty: pty is not built yet; use stdio, file:PATH, unix:PATH or none", e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "name=n,backend=none | name=m,backend=none,id=n | id=n",
        "name=n,backend=none,id=a | name=n,backend=none,id=b | name=n",
        "name=n,backend=none,nr=4 | name=m,backend=none,nr=4 | nr=4"})
    void shouldRefuseTwoThatWouldBeOne(String first, String second, String same) {
        ConfigException e = assertThrows(ConfigException.class, () -> machine("--port", first, "--port", second));
        assertEquals("--port " + same + ": two ports have this; change one", e.getMessage());
    }

    @Test
    void shouldRefuseMorePortsThanThereMayBe() {
        List<String> words = new ArrayList<>();
        for (int i = 0; i <= PortConfig.MAX_NUMBER; i++) {
            words.addAll(List.of("--port", "name=n" + i + ",backend=none"));
        }
        ConfigException e = assertThrows(ConfigException.class, () -> parse(words.toArray(new String[0])));
        assertEquals("--port name=n30: there are 30 ports already; use fewer", e.getMessage());
    }

    /** What was opened before the one that cannot be is given back. */
    @Test
    void shouldLeaveNothingOpenWhereOneFails(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "precious");
        Path socket = directory.resolve("s");
        CharacterOptions options = parse("--console", "unix:" + socket, "--port", "name=n,backend=unix:" + file);
        assertThrows(ConfigException.class, () -> options.open(null, null));
        assertFalse(Files.exists(socket));
    }
}
