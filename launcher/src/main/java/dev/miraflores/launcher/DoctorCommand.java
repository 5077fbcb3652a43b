// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.launcher.doctor.HostReport;

/** {@code hv doctor}. */
final class DoctorCommand implements Command {

    private static final Option JSON = Option.flag("--json", "Prints JSON, for scripts.");

    @Override
    public String name() {
        return "doctor";
    }

    @Override
    public String summary() {
        return "Says what this host offers to virtual machines, and what to do where it is lacking.";
    }

    @Override
    public Option[] options() {
        return new Option[] {JSON};
    }

    @Override
    public int run(Arguments arguments, Console console) {
        HostReport report = HostReport.make();
        console.out().print(arguments.has(JSON.name()) ? report.json() : report.text());
        console.out().flush();
        return report.fit() ? 0 : 1;
    }
}
