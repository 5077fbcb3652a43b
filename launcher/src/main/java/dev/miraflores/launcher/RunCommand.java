// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.serial.CharBackend;
import dev.miraflores.launcher.Foreground.BeforeStart;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.VirtualMachine;
import dev.miraflores.sandbox.SandboxPolicy;

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
        SandboxOption sandbox = SandboxOption.parse(arguments);
        MachineConfig.Builder machine = RunOptions.machine(arguments);
        // Once without, so that what is wrong with it shows before the console's file or socket comes about.
        machine.build();
        ConsoleOption serialOption = RunOptions.console(arguments);
        try (CharBackend serial = serialOption.open(foreground)) {
            MachineConfig config = machine.console(serial).build();
            BeforeStart beforeStart = new BeforeStart() {
                @Override
                public void ready(VirtualMachine made) {
                    SandboxPolicy policy = sandbox.policy(made, config);
                    serialOption.leaveInReach(policy);
                    sandbox.enter(policy, console.err());
                }
            };
            return Foreground.exitCode(foreground.run(config, beforeStart));
        }
    }
}
