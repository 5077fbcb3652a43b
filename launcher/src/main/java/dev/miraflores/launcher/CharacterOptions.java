// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.console.PortConfig;
import dev.miraflores.launcher.terminal.TerminalUser;
import dev.miraflores.machine.CharDevices;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.sandbox.SandboxPolicy;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code --console}, {@code --virtconsole} and {@code --port}: the guest's character devices and where their far ends are.
 *
 * @param virtual null for none
 */
record CharacterOptions(ConsoleOption serial, ConsoleOption virtual, List<PortOption> ports) {

    private static final String STDIO = "stdio";

    static CharacterOptions parse(Arguments arguments) {
        String console = arguments.value(RunOptions.CONSOLE.name(), null);
        String virtual = arguments.value(RunOptions.VIRTCONSOLE.name(), null);
        List<PortOption> ports = PortOption.parse(arguments.values(RunOptions.PORT.name()));
        boolean taken = STDIO.equals(virtual) || ports.stream().anyMatch(port -> port.backend().kind() == ConsoleOption.Kind.STDIO);
        CharacterOptions options = new CharacterOptions(
                ConsoleOption.parse(RunOptions.CONSOLE.name() + " ", console != null ? console : taken ? "none" : STDIO),
                virtual == null ? null : ConsoleOption.parse(RunOptions.VIRTCONSOLE.name() + " ", virtual), ports);
        options.checkStdio();
        return options;
    }

    private void checkStdio() {
        ConsoleOption first = null;
        for (ConsoleOption end : ends()) {
            if (end.kind() == ConsoleOption.Kind.STDIO) {
                if (first != null) {
                    throw new ConfigException(end.option() + STDIO + ": " + first.option() + STDIO
                            + " has standard input and output already; use another place for one of them");
                }
                first = end;
            }
        }
    }

    private List<ConsoleOption> ends() {
        List<ConsoleOption> ends = new ArrayList<>();
        ends.add(serial);
        if (virtual != null) {
            ends.add(virtual);
        }
        ports.forEach(port -> ends.add(port.backend()));
        return ends;
    }

    /**
     * Looks whether some end is a file that would be overwritten: one that the machine is made of, or another end's.
     *
     * @throws ConfigException where one is
     */
    void checkApart(MachineConfig machine) {
        FilesInUse used = FilesInUse.of(machine);
        for (ConsoleOption end : ends()) {
            if (end.kind() == ConsoleOption.Kind.FILE) {
                used.claim(end.option() + "file:", end.path());
            }
        }
    }

    /** Puts the devices into a machine, with nothing behind them yet. */
    void describe(MachineConfig.Builder machine) {
        List<PortConfig> configs = new ArrayList<>();
        if (virtual != null) {
            configs.add(PortConfig.console(CharDevices.CONSOLE, CharBackend.none()));
        }
        for (PortOption port : ports) {
            configs.add(new PortConfig(port.number(), port.id(), port.name(), CharBackend.none()));
        }
        machine.ports(configs);
    }

    /** What each far end needs at the end: a socket's file is to go. */
    void leaveInReach(SandboxPolicy policy) {
        ends().forEach(end -> end.leaveInReach(policy));
    }

    /**
     * Opens all of it.
     *
     * @param user     whom somebody at a terminal speaks to
     * @param monitors which may have to share the terminal; null for none
     */
    Opened open(TerminalUser user, MonitorOptions monitors) {
        Opened opened = new Opened(user, monitors, atTerminal());
        boolean done = false;
        try {
            opened.serial = opened.open(serial);
            if (virtual != null) {
                opened.ports.add(PortConfig.console(CharDevices.CONSOLE, opened.open(virtual)));
            }
            for (PortOption port : ports) {
                opened.ports.add(new PortConfig(port.number(), port.id(), port.name(), opened.open(port.backend())));
            }
            done = true;
            return opened;
        } finally {
            if (!done) {
                opened.close();
            }
        }
    }

    /** Which one a monitor at the terminal has to do with: that which has it, or else the serial port. */
    private ConsoleOption atTerminal() {
        for (ConsoleOption end : ends()) {
            if (end.kind() == ConsoleOption.Kind.STDIO) {
                return end;
            }
        }
        return serial;
    }

    /** Far ends that are open, for the machine to close, or for this where none comes about. Thread: one. */
    static final class Opened implements AutoCloseable {

        private final TerminalUser user;
        private final MonitorOptions monitors;
        private final ConsoleOption atTerminal;
        private final List<CharBackend> open = new ArrayList<>();
        private final List<PortConfig> ports = new ArrayList<>();
        private CharBackend serial;

        private Opened(TerminalUser user, MonitorOptions monitors, ConsoleOption atTerminal) {
            this.user = user;
            this.monitors = monitors;
            this.atTerminal = atTerminal;
        }

        private CharBackend open(ConsoleOption option) {
            CharBackend backend = monitors != null && option == atTerminal ? monitors.console(option, user) : option.open(user);
            open.add(backend);
            return backend;
        }

        void addTo(MachineConfig.Builder machine) {
            machine.console(serial).ports(ports);
        }

        @Override
        public void close() {
            open.forEach(CharBackend::close);
        }
    }
}
