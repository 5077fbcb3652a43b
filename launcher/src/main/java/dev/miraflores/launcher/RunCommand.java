// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

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
        // Everything about the machine is checked before the console takes the terminal over.
        MachineConfig.Builder machine = RunOptions.machine(arguments);
        MachineConfig config = machine.console(RunOptions.console(arguments).open(foreground::quit)).build();
        return Foreground.exitCode(foreground.run(config));
    }
}
