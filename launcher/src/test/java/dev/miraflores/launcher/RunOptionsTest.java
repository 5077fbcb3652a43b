// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.devices.balloon.BalloonOptions;
import dev.miraflores.machine.BalloonConfig;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.KernelSource;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.RngConfig;
import dev.miraflores.memory.MemoryBacking;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunOptionsTest {

    private static MachineConfig machine(String... words) {
        return RunOptions.machine(ArgumentParser.parse(RunOptions.all(), words, 0)).build();
    }

    @Test
    void shouldDescribeTheMachineThatIsAskedFor() {
        MachineConfig config = machine("--kernel", "K", "--initrd", "I", "--append", "console=ttyS0", "--drive",
                "file=D,cache=none", "-m", "1G", "--smp", "2", "--rng", "--vsock", "cid=3", "--debug-exit", "--no-reboot",
                "--huge-pages");
        assertEquals(new KernelSource.InFile(Path.of("K")), config.kernel());
        assertEquals("I", config.initrd());
        assertEquals("console=ttyS0", config.append());
        assertEquals(1L << 30, config.memoryBytes());
        assertEquals(MemoryBacking.HUGE_PAGES, config.memoryBacking());
        assertEquals(2, config.vcpus());
        assertEquals(CacheMode.NONE, config.drives().getFirst().cache());
        assertEquals(RngConfig.UNLIMITED, config.rng());
        assertEquals(3, config.vsock().cid());
        assertTrue(config.debugExit());
        assertFalse(config.reboots());
    }

    @Test
    void shouldDescribeBalloonAndEntropy() {
        MachineConfig config = machine("--kernel", "K", "--balloon", "deflate-on-oom=on,free-page-reporting=on,id=b", "--rng",
                "max-bytes=1K,period=1000");
        assertEquals(new BalloonConfig("b", new BalloonOptions(true, true, false)), config.balloon());
        assertEquals(new RngConfig(1024, 1000), config.rng());
        assertEquals(BalloonConfig.DEFAULTS, machine("--kernel", "K", "--balloon").balloon());
        assertEquals(new RngConfig(7, RngConfig.DEFAULT_PERIOD_MS), machine("--kernel", "K", "--rng", "max-bytes=7").rng());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--balloon | deflate-on-om=on     | --balloon deflate-on-om=on: no such key 'deflate-on-om'; the nearest is deflate-on-oom",
        "--balloon | free-page-hint=yes   | --balloon free-page-hint=yes: use on or off",
        "--balloon | id=1                 | --balloon id=1: an id is letters, digits, '-', '.' and '_', a letter first",
        "--balloon | id=d                 | --balloon id=d: a drive has this id; change one",
        "--balloon | on                   | --balloon on: 'on' is not key=value; a comma within a value is written twice",
        "--rng     | max-bytes=0          | --rng max-bytes=0,period=65536: use 1 byte or more, and 1 to 2147483647 milliseconds",
        "--rng     | max-bytes=1,period=0 | --rng max-bytes=1,period=0: use 1 byte or more, and 1 to 2147483647 milliseconds",
        "--rng     | period=soon          | --rng period=soon: period=soon is not a number; use max-bytes=1024,period=1000, for example"})
    void shouldSayWhatIsWrongWithBalloonAndEntropy(String option, String value, String what) {
        String message = assertThrows(ConfigException.class,
                () -> machine("--kernel", "K", "--drive", "file=D,id=d", option, value)).getMessage();
        assertEquals(what, message);
    }

    @Test
    void shouldHaveDefaultsWhenOnlyAKernelIsNamed() {
        MachineConfig config = machine("--kernel", "K");
        assertEquals(512L << 20, config.memoryBytes());
        assertEquals(MemoryBacking.ANONYMOUS, config.memoryBacking());
        assertEquals(1, config.vcpus());
        assertEquals("", config.append());
        assertNull(config.rng());
        assertNull(config.balloon());
        assertNull(config.vsock());
        assertFalse(config.debugExit());
        assertTrue(config.reboots());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "pty         | pty is not built yet; use stdio, file:PATH, unix:PATH or none",
        "screen      | unknown; use stdio, file:PATH, unix:PATH or none",
        "file:       | no path is named; use --console file:PATH",
        "unix:       | no path is named; use --console unix:PATH",
        "stdio:1     | stdio takes nothing after it; use --console stdio"})
    void shouldSayWhatAConsoleCanBe(String text, String what) {
        ConfigException e = assertThrows(ConfigException.class, () -> ConsoleOption.parse("--console ", text));
        assertEquals("--console " + text + ": " + what, e.getMessage());
    }

    @Test
    void shouldLeaveTheConsolesFileAloneUntilAMachineIsThere(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(directory.resolve("log"), "precious");
        ConsoleOption.parse("--console ", "file:" + file).open(null).close();
        assertEquals("precious", Files.readString(file));
    }

    @Test
    void shouldSayThatTheConsolesSocketCannotBeMade(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(directory.resolve("log"), "precious");
        ConfigException e = assertThrows(ConfigException.class,
                () -> ConsoleOption.parse("--console ", "unix:" + file).open(null));
        assertEquals("--console unix:" + file + ": cannot be made: it exists and is no socket; name another path",
                e.getMessage());
    }

    @Test
    void shouldSayThatTheConsolesFileCannotBeWritten(@TempDir Path directory) {
        ConfigException e = assertThrows(ConfigException.class,
                () -> ConsoleOption.parse("--console ", "file:" + directory + "/no/log").open(null));
        assertEquals("--console file:" + directory + "/no/log: cannot be written: its directory does not exist; name another path",
                e.getMessage());
    }
}
