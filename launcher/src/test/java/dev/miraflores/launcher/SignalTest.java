// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.BlockPattern;
import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code hv} ended by a signal while its guest writes, in a terminal that script(1) makes: what the guest had flushed is
 * in the image, and where hv had a say in it, the terminal is as it was.
 */
@KvmTest
@EnabledIf("canMakeTerminals")
class SignalTest {

    private static final String SCRIPT = "/usr/bin/script";
    // More than a guest can write before the signal comes.
    private static final int BLOCKS = 65536;
    private static final Pattern SAFE = Pattern.compile("safe (\\d+)\r");

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    static boolean canMakeTerminals() {
        boolean there = Files.isExecutable(Path.of(SCRIPT));
        if (!there) {
            System.out.println("SKIPPED SignalTest: there is no " + SCRIPT + " to make a terminal");
        }
        return there;
    }

    /** In a terminal: shows its settings, runs hv, shows its status and the settings again. */
    private HvProcess runInTerminal(List<String> hv, Path pid) throws IOException {
        String quoted = "'" + String.join("' '", hv) + "'";
        Path shell = Files.writeString(directory.resolve("terminal.sh"), "echo \"[before $(stty -g)]\"\n"
                + "sh -c 'echo $$ >" + pid + "; exec \"$@\"' hv " + quoted + "\n"
                + "echo \"[status $?]\"\necho \"[after $(stty -g)]\"\n");
        // No job control: a shell that has it would itself restore the terminal after a job that was killed.
        return HvProcess.start(directory, List.of(SCRIPT, "-qfec", "trap : INT; . " + shell, "/dev/null"));
    }

    private static String between(String text, String from) {
        int start = text.indexOf(from) + from.length();
        return text.substring(start, text.indexOf(']', start));
    }

    @ParameterizedTest
    @CsvSource({
        "INT,  130, true,  writeback",
        "TERM, 143, true,  none",
        "KILL, 137, false, writeback",
        "KILL, 137, false, none",
    })
    void shouldKeepWhatWasFlushed(String signal, int status, boolean restored, String cache)
            throws IOException, InterruptedException {
        Path kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
        Path image = BuiltInGuest.disk(directory, BLOCKS);
        Path pid = directory.resolve("pid");
        List<String> command = HvProcess.command("run", "--kernel", kernel.toString(), "-m", "64M",
                "--append", "mode=journal seed=9", "--drive", "file=" + image + ",cache=" + cache);
        String shown;
        try (HvProcess terminal = runInTerminal(command, pid)) {
            terminal.awaitOut("safe 20\r");
            String process = Files.readString(pid).strip();
            assertEquals(0, new ProcessBuilder("kill", "-" + signal, process).start().waitFor());
            terminal.awaitOut("[after ");
            terminal.await();
            shown = terminal.out();
        }
        assertEquals(Integer.toString(status), between(shown, "[status "), shown);
        assertEquals(restored, between(shown, "[before ").equals(between(shown, "[after ")), shown);
        assertHolds(image, lastSafe(shown));
    }

    @Test
    void shouldEndAtControlAX() throws IOException, InterruptedException {
        Path kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
        try (HvProcess terminal = runInTerminal(HvProcess.command("run", "--kernel", kernel.toString(), "-m", "64M",
                "--append", "mode=echo"), directory.resolve("pid"))) {
            terminal.awaitOut("Control-D ends");
            terminal.type("seen\u0003");              // not a signal any more: the guest's to echo
            terminal.awaitOut("seen\u0003");
            terminal.type("\u0001x");
            terminal.awaitOut("[after ");
            terminal.await();
            String shown = terminal.out();
            assertEquals("0", between(shown, "[status "), shown);
            assertEquals(between(shown, "[before "), between(shown, "[after "), shown);
        }
    }

    private static int lastSafe(String shown) {
        Matcher safe = SAFE.matcher(shown);
        int last = -1;
        while (safe.find()) {
            last = Integer.parseInt(safe.group(1));
        }
        assertTrue(last >= 20, shown);
        return last;
    }

    private static void assertHolds(Path image, int lastBlock) throws IOException {
        BlockPattern pattern = new BlockPattern(9);
        byte[] data = new byte[BlockPattern.BLOCK_BYTES];
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
            for (int block = 0; block <= lastBlock; block++) {
                file.readFully(data);
                assertArrayEquals(pattern.block(block, 0), data, "block " + block);
            }
        }
    }
}
