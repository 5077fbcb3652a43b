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
        MachineConfig.Builder machine = RunOptions.machine(arguments);
        CharacterOptions.parse(arguments).describe(machine);
        // Once without, so that what is wrong with it shows before a console's file or socket comes about.
        machine.build();
        Foreground foreground = new Foreground(console.err());
        try (Foreground.Guard _ = foreground.guard()) {
            return run(arguments, console, foreground, machine, Companion.NONE);
        }
    }

    /**
     * Runs a machine with the console, the monitors and the sandbox that the options say.
     *
     * @param foreground guarded
     * @param companion  goes along with it, before all else
     * @return the exit code
     */
    static int run(Arguments arguments, Console console, Foreground foreground, MachineConfig.Builder machine,
            Companion companion) throws InterruptedException {
        SandboxOption sandbox = SandboxOption.parse(arguments);
        CharacterOptions characters = CharacterOptions.parse(arguments);
        characters.checkApart(machine.build());
        try (MonitorOptions monitors = RunOptions.hasMonitor(arguments) ? MonitorOptions.open(arguments) : null;
                CharacterOptions.Opened ends = characters.open(foreground, monitors)) {
            ends.addTo(machine);
            MachineConfig config = machine.build();
            Companion all = new SandboxEntry(sandbox, config, characters, monitors, companion, console.err());
            return Foreground.exitCode(foreground.run(config, all));
        }
    }
}
