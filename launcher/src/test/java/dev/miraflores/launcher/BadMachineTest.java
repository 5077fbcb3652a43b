// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Machines that cannot be: each is refused in one line that names the thing, the value and the way out, with exit code
 * 2. No guest is started (it would write to its disk) and no file is changed.
 */
@KvmTest
class BadMachineTest {

    private static final int USAGE_ERROR = 2;
    // Of guest.elf: the second program header's p_memsz (ELF-64: e_phoff is 64, 56 bytes each, p_memsz at 40).
    private static final int FIRST_FILESZ_OFFSET = 64 + 32;
    private static final int SECOND_MEMSZ_OFFSET = 64 + 56 + 40;
    private static final int SECOND_PADDR_OFFSET = 64 + 56 + 24;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private Path kernel;
    private Path disk;

    @BeforeEach
    void makeFiles() throws IOException {
        kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
        disk = disk("disk.img", 256);
    }

    private void assertRefused(String message, String... options) throws IOException {
        assertEquals(message, refusal(options));
    }

    private static void assertMatches(String pattern, String message) {
        assertTrue(message.matches(pattern), message);
    }

    /** Runs {@code hv run} with a good kernel and disk, and what is wrong; returns what it says, without the directory. */
    private String refusal(String... options) throws IOException {
        List<String> words = new ArrayList<>(List.of("run", "--drive", "file=" + disk + ",id=good"));
        List<String> given = Arrays.asList(options);
        if (!given.contains("--kernel")) {
            words.addAll(List.of("--kernel", kernel.toString()));
        }
        words.addAll(given);
        FileStates before = FileStates.of(directory);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int exitCode = Main.run(words.toArray(String[]::new), new Console(new PrintStream(out), new PrintStream(err)));
        String said = err.toString(StandardCharsets.UTF_8);
        assertEquals(USAGE_ERROR, exitCode, said);
        assertEquals("", out.toString(StandardCharsets.UTF_8));
        assertEquals(before, FileStates.of(directory));
        assertTrue(said.startsWith("hv: ") && said.endsWith("\n"), said);
        assertEquals(1, said.lines().count(), said);
        return said.substring("hv: ".length(), said.length() - 1).replace(directory + "/", "");
    }

    private Path disk(String name, int blocks) throws IOException {
        return Files.move(BuiltInGuest.disk(directory, blocks), directory.resolve(name));
    }

    private String file(String name, byte[] content) throws IOException {
        return Files.write(directory.resolve(name), content).toString();
    }

    @Test
    void shouldRefuseAKernelThatIsNone() throws IOException {
        byte[] noise = new byte[70_000];
        new Random(1).nextBytes(noise);
        assertRefused("kernel 'noise' is not a kernel: give an x86-64 bzImage, an ELF vmlinux, or a PVH or Multiboot kernel",
                "--kernel", file("noise", noise));
        assertRefused("kernel 'nothing' is empty: give another file", "--kernel", file("nothing", new byte[0]));
        assertRefused("kernel 'missing' does not exist: check the name", "--kernel", directory + "/missing");
        assertRefused("kernel 'folder' is a directory: give the name of a file",
                "--kernel", Files.createDirectory(directory.resolve("folder")).toString());
    }

    @Test
    void shouldRefuseATruncatedKernel() throws IOException {
        byte[] image = BuiltInGuest.image();
        long segmentBytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN).getLong(FIRST_FILESZ_OFFSET);
        assertRefused("kernel 'short' is truncated: a segment of " + segmentBytes + " bytes begins at 4096 and the file has"
                + " 4096: copy it again", "--kernel", file("short", Arrays.copyOf(image, 4096)));
    }

    @Test
    void shouldRefuseAKernelLargerThanMemory() throws IOException {
        byte[] large = BuiltInGuest.image();
        ByteBuffer headers = ByteBuffer.wrap(large).order(ByteOrder.LITTLE_ENDIAN);
        headers.putLong(SECOND_MEMSZ_OFFSET, 1L << 30);
        assertRefused("kernel 'large': a segment needs 1024 MiB at 0x"
                + Long.toHexString(headers.getLong(SECOND_PADDR_OFFSET)) + ", the guest's memory of 64 MiB ends at 0x4000000:"
                + " give it more memory (-m)", "--kernel", file("large", large), "-m", "64M");
    }

    @Test
    void shouldRefuseAnInitrdThatDoesNotFit() throws IOException {
        String initrd = disk("initrd", 20480).toString();
        assertRefused("initrd 'initrd' of 80 MiB does not fit beside the kernel in 64 MiB of memory:"
                + " give the guest more memory (-m), or a smaller file", "--initrd", initrd, "-m", "64M");
        assertRefused("initrd 'missing' does not exist: check the name", "--initrd", directory + "/missing");
    }

    @Test
    void shouldRefuseADriveThatIsNoDisk() throws IOException {
        assertRefused("drive missing.img: no such file; create one of 1 GiB with: truncate -s 1G missing.img",
                "--drive", "file=" + directory + "/missing.img");
        Files.createDirectory(directory.resolve("folder"));
        for (String mode : new String[] {"", ",readonly=on", ",cache=none"}) {
            assertRefused("drive folder: is a directory; name an image file or a block device",
                    "--drive", "file=" + directory + "/folder" + mode);
        }
        assertRefused("drive /dev/null: is neither a file nor a block device; name one that is", "--drive", "file=/dev/null");
    }

    @Test
    void shouldRefuseADriveOfAnOddSize() throws IOException {
        assertRefused("drive odd.img: size 1000 is not a multiple of 512; lengthen it with: truncate -s 1024 odd.img",
                "--drive", "file=" + file("odd.img", new byte[1000]));
    }

    /** Who is root may write the file all the same; what hv says differs, what it does not. */
    @Test
    void shouldRefuseADriveThatIsReadOnlyOnDisk() throws IOException {
        Path image = Path.of(file("kept.img", new byte[4096]));
        assertTrue(image.toFile().setReadOnly());
        String why = Files.isWritable(image) ? "is read-only (mode 0444); use readonly=on, or allow writing"
                : "is read-only for this user; use readonly=on, or allow it";
        assertRefused("drive kept.img: " + why + " with: chmod u+w kept.img", "--drive", "file=" + image);
    }

    @Test
    void shouldRefuseOneFileTwice() throws IOException {
        assertRefused("drive disk.img: in use by another hv or process, which has it open; end that one, or use readonly=on"
                + " in both", "--drive", "file=" + disk);
    }

    @Test
    void shouldRefuseTwoDrivesOfOneName() throws IOException {
        assertRefused("--drive id=good: two drives have this id; change one", "--drive", "file=other,id=good");
    }

    @Test
    void shouldRefuseAnUnknownKeyAndNameTheNearest() throws IOException {
        assertRefused("--drive file=x,reedonly=on: unknown key 'reedonly'; the nearest is 'readonly'",
                "--drive", "file=x,reedonly=on");
    }

    @Test
    void shouldRefuseMemoryThatNoOneHas() throws IOException {
        assertRefused("--memory 0: a guest needs memory; use a size such as 512M", "-m", "0");
        assertRefused("--memory 65537K: not a whole number of MiB; use 65M", "-m", "65537K");
        assertMatches("--memory 1000T: this host has [0-9.]+[MGT]; use less", refusal("-m", "1000T"));
    }

    @Test
    void shouldRefuseMoreProcessorsThanKvmHas() throws IOException {
        assertMatches("--smp 100000: this host's KVM has at most [0-9]+; use fewer", refusal("--smp", "100000"));
    }

    @Test
    void shouldRefuseADeviceThatCannotBePolled() throws IOException {
        String said = refusal("--drive", "file=" + disk("polled.img", 64) + ",iopoll=on,cache=none");
        assertTrue(said.endsWith("; go without iopoll"), said);
    }

    @Test
    void shouldSayWhatIsWrongInOneLineWhateverANameHasInIt() throws IOException {
        assertRefused("drive a?b: no such file; create one of 1 GiB with: truncate -s 1G a?b", "--drive", "file=" + directory + "/a\nb");
    }

    @Test
    void shouldRefuseANameThatIsTooLong() throws IOException {
        String name = "k".repeat(300);
        assertRefused("kernel '" + name + "' cannot be read: File name too long; give another file", "--kernel", directory + "/" + name);
    }

    /** What the guest says on a console would be written over it. */
    @Test
    void shouldNotWriteAConsoleOverWhatTheMachineIsMadeOf() throws IOException {
        Files.createSymbolicLink(directory.resolve("link"), disk);
        assertRefused("--console file:link: the file is a drive's image, which would be overwritten; name another",
                "--console", "file:" + directory + "/link");
        assertRefused("--port name=p,backend=file:kernel: the file is the kernel, which would be overwritten; name another",
                "--port", "name=p,backend=file:" + kernel);
        assertRefused("--virtconsole file:./log: the file is where --console file:log writes, which would be overwritten; name another",
                "--console", "file:" + directory + "/log", "--virtconsole", "file:" + directory + "/./log");
    }

    @Test
    void shouldNotWaitForSomebodyToReadAPipe() throws IOException, InterruptedException {
        Path pipe = directory.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        assertRefused("--console file:pipe: cannot be written: a pipe that nobody reads, or a socket: start its reader first; name"
                + " another path", "--console", "file:" + pipe);
    }

    /** A console's file is made anew when the guest starts, not before. */
    @Test
    void shouldLeaveTheConsolesFileAlone() throws IOException {
        String kept = file("kept.log", "of the last run".getBytes(StandardCharsets.UTF_8));
        for (String console : new String[] {"file:" + kept, "file:" + directory + "/new.log", "unix:" + directory + "/new.sock"}) {
            FileStates before = FileStates.of(directory);
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            String[] words = {"run", "--kernel", kernel.toString(), "--drive", "file=/dev/null", "--console", console};
            assertEquals(USAGE_ERROR, Main.run(words, new Console(System.out, new PrintStream(err))));
            assertEquals(before.states().keySet(), FileStates.of(directory).states().keySet());
            assertEquals("of the last run", Files.readString(Path.of(kept)));
        }
    }

    @Test
    void shouldRefuseADriveThatAnotherHvUses() throws IOException, InterruptedException {
        Path used = disk("used.img", 256);
        try (HvProcess other = HvProcess.start(directory, HvProcess.command("run", "--kernel", kernel.toString(),
                "--append", "mode=echo", "-m", "64M", "--drive", "file=" + used))) {
            other.awaitOut("Control-D ends");
            assertRefused("drive used.img: in use by another hv or process, which has it open; end that one, or use"
                    + " readonly=on in both", "--drive", "file=" + used);
            assertRefused("drive used.img: in use by another hv or process, which writes it; end that one first",
                    "--drive", "file=" + used + ",readonly=on");
            other.type("\u0004");
            assertEquals(0, other.await(), other::texts);
        }
    }
}
