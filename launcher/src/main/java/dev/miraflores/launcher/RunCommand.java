// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.serial.CharBackend;
import dev.miraflores.machine.MachineConfig;

/** {@code hv run}. */
final class RunCommand implements Command {

    @Override
    public String name() {
        return "run";
    }

    @Override
    public String summary() {
        return "Boots a guest and runs it until it powers off.";
    }

    @Override
    public Option[] options() {
        return RunOptions.all();
    }

    @Override
    public int run(Arguments arguments, Console console) throws InterruptedException {
        MachineConfig.Builder machine = RunOptions.machine(arguments);
        // Once without, so that what is wrong with it shows before the console's file or socket comes about.
        machine.build();
        return run(arguments, new Foreground(console.err()), machine);
    }

    /** Runs a machine with the console and the monitors that the options say; returns the exit code. */
    static int run(Arguments arguments, Foreground foreground, MachineConfig.Builder machine) throws InterruptedException {
        ConsoleOption console = RunOptions.console(arguments);
        if (RunOptions.hasMonitor(arguments)) {
            return runMonitored(arguments, console, foreground, machine);
        }
        try (CharBackend serial = console.open(foreground)) {
            return Foreground.exitCode(foreground.run(machine.console(serial).build(), Companion.NONE));
        }
    }

    private static int runMonitored(Arguments arguments, ConsoleOption console, Foreground foreground,
            MachineConfig.Builder machine) throws InterruptedException {
        try (MonitorOptions monitors = MonitorOptions.open(arguments);
                CharBackend serial = monitors.console(console, foreground)) {
            return Foreground.exitCode(foreground.run(machine.console(serial).build(), monitors));
        }
    }
}
