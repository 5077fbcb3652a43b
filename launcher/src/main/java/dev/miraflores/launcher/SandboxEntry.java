// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.VirtualMachine;
import dev.miraflores.sandbox.SandboxPolicy;
import java.io.PrintStream;

/**
 * Takes the process into the sandbox when all that goes along with a machine is there, and has monitors serve clients then.
 *
 * @param ends     have files that they remove at the end, maybe
 * @param monitors likewise; null where there is none
 * @param first    goes along before the monitors
 */
record SandboxEntry(SandboxOption option, MachineConfig config, CharacterOptions ends, MonitorOptions monitors, Companion first,
        PrintStream err) implements Companion {

    @Override
    public void attach(VirtualMachine machine) {
        first.attach(machine);
        SandboxPolicy policy = option.policy(machine, config);
        ends.leaveInReach(policy);
        if (monitors != null) {
            monitors.leaveInReach(policy);
        }
        option.enter(policy, err);
        // Only now: what a client asks for is done inside.
        if (monitors != null) {
            monitors.attach(machine);
        }
    }

    @Override
    public void ended(StopCause cause) {
        if (monitors != null) {
            monitors.ended(cause);
        }
        first.ended(cause);
    }
}
