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
        Foreground foreground = new Foreground(console.err());
        MachineConfig.Builder machine = RunOptions.machine(arguments);
        // Once without, so that what is wrong with it shows before the console's file or socket comes about.
        machine.build();
        try (CharBackend serial = RunOptions.console(arguments).open(foreground)) {
            return Foreground.exitCode(foreground.run(machine.console(serial).build()));
        }
    }
}
