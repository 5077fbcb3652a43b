// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MachineConfigTest {

    private static final long GIB = 1L << 30;

    private static MachineConfig.Builder machine() {
        return MachineConfig.builder().kernel(Path.of("vmlinuz"));
    }

    private static String refusal(Runnable action) {
        return assertThrows(ConfigException.class, action::run).getMessage();
    }

    @Test
    void shouldNameEachDriveThatHasNoId() {
        MachineConfig config = machine().drive(DriveConfig.of("a")).drive(DriveConfig.parse("file=b,id=drive1"))
                .drive(DriveConfig.of("c")).build();
        assertEquals(List.of("drive0", "drive1", "drive2"), config.drives().stream().map(DriveConfig::id).toList());
    }

    @Test
    void shouldRefuseTwoDrivesWithOneId() {
        MachineConfig.Builder builder = machine().drive(DriveConfig.parse("file=a,id=root"))
                .drive(DriveConfig.parse("file=b,id=root"));
        assertEquals("--drive id=root: two drives have this id; change one", refusal(builder::build));
    }

    @Test
    void shouldRefuseAMachineThatCannotBe() {
        assertEquals("no kernel is named; use --kernel FILE", refusal(MachineConfig.builder()::build));
        assertEquals("memory of 0 bytes: a guest needs memory; use a size such as 512M",
                refusal(machine().memoryBytes(0)::build));
        assertEquals("memory of 1048577 bytes: not a whole number of MiB; use 2M",
                refusal(machine().memoryBytes((1 << 20) + 1)::build));
        assertEquals("--smp 0: a machine needs a CPU; use 1 or more", refusal(machine().vcpus(0)::build));
    }

    @Test
    void shouldRefuseMoreThanTheHostHas() {
        MachineConfig config = machine().memoryBytes(16 * GIB).vcpus(8).build();
        config.checkAgainstHost(16 * GIB, 8);
        assertEquals("--memory 16G: this host has 15.6G; use less",
                refusal(() -> config.checkAgainstHost(15 * GIB + 700 * (1 << 20), 8)));
        assertEquals("--smp 8: this host's KVM has at most 4; use fewer",
                refusal(() -> config.checkAgainstHost(16 * GIB, 4)));
    }

    @ParameterizedTest
    @CsvSource({"512M,536870912", "512,536870912", "1G,1073741824", "1g,1073741824", "2048K,2097152", "1.5G,1610612736",
        "1T,1099511627776", "1048576B,1048576", "0.5G,536870912"})
    void shouldReadSizesAsQemuDoes(String text, long bytes) {
        assertEquals(bytes, MemorySize.parse("-m", text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "M", "512X", "five", "-1", "-512M", "1..5G", ".5G", "1.G", "0x200", "1 G", "12M3", "1.0001G"})
    void shouldRefuseWhatIsNoSize(String text) {
        assertEquals("--memory " + text
                + ": not a size; write a number with K, M, G or T, such as 512M; a plain number is MiB",
                refusal(() -> MemorySize.parse("--memory", text)));
    }

    @ParameterizedTest
    @CsvSource({
        "0,     0: a guest needs memory; use a size such as 512M",
        "0G,    0G: a guest needs memory; use a size such as 512M",
        "1537K, 1537K: not a whole number of MiB; use 2M",
        "1.3M,  1.3M: not a whole number of MiB; use 2M",
        "4097B, 4097B: not a whole number of MiB; use 1M",
        // firecracker#6076: MiB to bytes must not wrap.
        "17592186044417, 17592186044417: more than any host has; use less",
        "99999999999999999999G, 99999999999999999999G: more than any host has; use less",
        "8388608T, 8388608T: more than any host has; use less"})
    @Tag("class:length")
    void shouldRefuseASizeThatNoGuestCanHave(String text, String what) {
        assertEquals("--memory " + what, refusal(() -> MemorySize.parse("--memory", text)));
    }

    @Test
    void shouldWriteSizesForPeople() {
        assertEquals("512M", MemorySize.format(512 << 20));
        assertEquals("15.6G", MemorySize.format(15 * GIB + 700 * (1 << 20)));
        assertEquals("1K", MemorySize.format(1024));
        assertEquals("2048T", MemorySize.format(2048 * 1024 * GIB));
    }

    @Test
    void shouldReadHowManyCpus() {
        assertEquals(4, SmpOption.parse("4"));
        assertEquals(2, SmpOption.parse("cpus=2"));
        assertEquals("--smp 0: a machine needs a CPU; use 1 or more", refusal(() -> SmpOption.parse("0")));
        assertEquals("--smp -2: a machine needs a CPU; use 1 or more", refusal(() -> SmpOption.parse("-2")));
        assertEquals("--smp two: not a number of CPUs; use one such as 2", refusal(() -> SmpOption.parse("two")));
        assertEquals("--smp 4,sockets=2: only the number of CPUs is built; use --smp 2",
                refusal(() -> SmpOption.parse("4,sockets=2")));
    }
}
