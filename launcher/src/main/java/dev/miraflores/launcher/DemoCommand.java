// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.MemorySize;
import dev.miraflores.machine.VirtualMachine;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
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
        long diskBytes = MemorySize.parse(SIZE.name(), arguments.value(SIZE.name(), "64M"));
        Foreground foreground = new Foreground(console.err());
        Path scratch = Files.createTempFile("hv-demo-", ".img");
        try {
            try (RandomAccessFile file = new RandomAccessFile(scratch.toFile(), "rw")) {
                file.setLength(diskBytes);
            }
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

    private static DriveConfig drive(Path scratch, String options) {
        String file = scratch.toString();
        return options == null ? DriveConfig.of(file) : DriveConfig.parse("file=" + file.replace(",", ",,") + "," + options);
    }

    private static String milliseconds(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < '0' || text.charAt(i) > '9') {
                throw new ConfigException(MS.name() + " " + text + ": not a number of milliseconds; use 500, for example");
            }
        }
        return text;
    }

    private static byte[] guest() throws IOException {
        try (InputStream in = DemoCommand.class.getResourceAsStream(GUEST)) {
            return in.readAllBytes();
        }
    }
}
