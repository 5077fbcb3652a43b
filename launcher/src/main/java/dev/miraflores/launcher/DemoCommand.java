// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.FileReason;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.MemorySize;
import dev.miraflores.machine.VirtualMachine;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** {@code hv demo}: the built-in guest, which drives a scratch disk and verifies all that it wrote. */
final class DemoCommand implements Command {

    private static final Option HOLD = Option.flag("--hold",
            "Keeps the guest at work until q is typed, or hv is ended.");
    private static final Option MS = Option.value("--ms", "N", "How long the guest writes and reads. Default: 500.");
    private static final Option SIZE = Option.value("--size", "SIZE", "Size of the scratch disk. Default: 64M.");

    private static final Option DRIVE_OPTIONS = Option.value("--drive-options", "KEY=VALUE[,KEY=VALUE]...",
            "What the scratch disk is to be, in the words of hv run --drive, such as aio=threads,dataplane=off.");

    /** Eleven days; what takes longer is {@code --hold}. */
    private static final int MOST_MS_DIGITS = 9;

    private static final String GUEST = "guest.elf";

    @Override
    public String name() {
        return "demo";
    }

    @Override
    public String summary() {
        return "Boots the built-in guest, which drives a scratch disk and verifies every block.";
    }

    @Override
    public Option[] options() {
        return new Option[] {
            HOLD, MS, SIZE, DRIVE_OPTIONS, RunOptions.STAGE_PATH, RunOptions.MEMORY, RunOptions.SMP, RunOptions.CONSOLE,
            RunOptions.QMP, RunOptions.MONITOR, RunOptions.METRICS, RunOptions.NO_REBOOT, SandboxOption.SANDBOX, SandboxOption.SANDBOX_PATH
        };
    }

    @Override
    public int run(Arguments arguments, Console console) throws IOException, InterruptedException {
        boolean hold = arguments.has(HOLD.name());
        String work = hold ? "mode=hold" : "mode=demo ms=".concat(milliseconds(arguments.value(MS.name(), "500")));
        String size = arguments.value(SIZE.name(), "64M");
        long diskBytes = MemorySize.parse(SIZE.name(), size, "a disk has a size; use one such as 64M");
        Foreground foreground = new Foreground(console.err());
        try (Foreground.Guard _ = foreground.guard()) {
            return run(arguments, console, foreground, work, size, diskBytes);
        }
    }

    private static int run(Arguments arguments, Console console, Foreground foreground, String work, String size, long diskBytes)
            throws IOException, InterruptedException {
        Path scratch = scratchFile();
        try {
            setLength(scratch, diskBytes, size);
            MachineConfig.Builder config = RunOptions.machine(arguments)
                    .kernel("the built-in guest", guest())
                    .append(work)
                    .drive(drive(scratch, arguments.value(DRIVE_OPTIONS.name(), null)))
                    // How the guest says that something was wrong: a demo that powers off is one in which all held.
                    .debugExit(true);
            return RunCommand.run(arguments, console, foreground, config, new Unlink(scratch));
        } finally {
            Files.deleteIfExists(scratch);
        }
    }

    /** It is open, and needs no name any more: nothing is left whatever ends this, and nothing to be removed later. */
    private record Unlink(Path scratch) implements Companion {

        @Override
        public void attach(VirtualMachine machine) {
            scratch.toFile().delete();
        }

        @Override
        public void ended(StopCause cause) {
        }
    }

    private static Path scratchFile() throws IOException {
        try {
            return Files.createTempFile("hv-demo-", ".img");
        } catch (FileSystemException e) {
            throw new IOException("the scratch disk " + e.getFile() + ": " + FileReason.of(e)
                    + "; name another directory with HV_JAVA_OPTS=-Djava.io.tmpdir=PATH", e);
        }
    }

    private static void setLength(Path scratch, long byteSize, String size) {
        try (RandomAccessFile file = new RandomAccessFile(scratch.toFile(), "rw")) {
            file.setLength(byteSize);
        } catch (IOException e) {
            throw new ConfigException(SIZE.name() + " " + size + ": no such file in " + scratch.getParent() + ": " + e.getMessage()
                    + "; use less", e);
        }
    }

    /** What is wrong is told in the words that were typed, which have no file. */
    private static DriveConfig drive(Path scratch, String options) {
        String file = scratch.toString();
        if (options == null) {
            return DriveConfig.of(file);
        }
        String text = "file=" + file.replace(",", ",,") + "," + options;
        try {
            return DriveConfig.parse(text);
        } catch (ConfigException e) {
            throw new ConfigException(e.getMessage().replace(RunOptions.DRIVE.name() + " " + text, DRIVE_OPTIONS.name() + " " + options), e);
        }
    }

    private static String milliseconds(String text) {
        if (text.isEmpty() || text.length() > MOST_MS_DIGITS) {
            throw notMilliseconds(text);
        }
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < '0' || text.charAt(i) > '9') {
                throw notMilliseconds(text);
            }
        }
        return text;
    }

    private static ConfigException notMilliseconds(String text) {
        return new ConfigException(MS.name() + " " + text + ": not a number of milliseconds; use 500, for example");
    }

    private static byte[] guest() throws IOException {
        try (InputStream in = DemoCommand.class.getResourceAsStream(GUEST)) {
            return in.readAllBytes();
        }
    }
}
