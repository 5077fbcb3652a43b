// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.launcher.terminal.Alternate;
import dev.miraflores.launcher.terminal.StdioBackend;
import dev.miraflores.launcher.terminal.TerminalUser;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.VirtualMachine;
import dev.miraflores.monitor.MonitorAddress;
import dev.miraflores.monitor.MonitorServices;
import dev.miraflores.monitor.hmp.StdinMonitor;
import dev.miraflores.monitor.hmp.TerminalMonitor;
import dev.miraflores.sandbox.SandboxPolicy;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code --qmp}, {@code --monitor} and {@code --metrics}: what listens there, for a machine that comes later.
 * <p>Loaded only where one of them is given.
 */
final class MonitorOptions implements Companion, AutoCloseable {

    private static final String QMP_CHOICE = "unix:PATH";
    private static final String MONITOR_CHOICE = "stdio or unix:PATH";
    private static final String METRICS_CHOICE = "tcp:127.0.0.1:PORT or unix:PATH";

    private final MonitorServices services = new MonitorServices(Main.version());
    private final boolean stdio;
    private TerminalMonitor terminal;
    private StdioBackend keyboard;

    private MonitorOptions(Arguments arguments) {
        List<MonitorAddress> monitors = addresses(arguments, RunOptions.MONITOR, MONITOR_CHOICE);
        int before = monitors.size();
        stdio = monitors.removeIf(address -> address.kind() == MonitorAddress.Kind.STDIO);
        if (before - monitors.size() > 1) {
            throw new ConfigException(RunOptions.MONITOR.name() + " stdio: given twice; leave one");
        }
        boolean done = false;
        try {
            addresses(arguments, RunOptions.QMP, QMP_CHOICE).forEach(services::addQmp);
            monitors.forEach(services::addHmp);
            addresses(arguments, RunOptions.METRICS, METRICS_CHOICE).forEach(services::addMetrics);
            done = true;
        } finally {
            if (!done) {
                services.close();
            }
        }
    }

    /** Listens. */
    static MonitorOptions open(Arguments arguments) {
        return new MonitorOptions(arguments);
    }

    private static List<MonitorAddress> addresses(Arguments arguments, Option option, String choice) {
        List<MonitorAddress> addresses = new ArrayList<>();
        for (String text : arguments.values(option.name())) {
            addresses.add(MonitorAddress.parse(option.name(), text, choice));
        }
        return addresses;
    }

    /**
     * A console, which may have to share the terminal.
     *
     * @param user whom somebody at a terminal speaks to
     */
    CharBackend console(ConsoleOption console, TerminalUser user) {
        if (!stdio) {
            return console.open(user);
        }
        boolean shared = console.kind() == ConsoleOption.Kind.STDIO;
        if (!StdioBackend.isTerminal()) {
            if (shared) {
                throw new ConfigException(RunOptions.MONITOR.name() + " stdio: standard input is no terminal, and "
                        + console.option() + "stdio has it; use another place for that, or " + RunOptions.MONITOR.name() + " unix:PATH");
            }
            services.setStdio((commands, version) -> StdinMonitor.start(commands, version,
                    new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out)));
            return console.open(user);
        }
        terminal = new TerminalMonitor(new FileOutputStream(FileDescriptor.out));
        services.setStdio(terminal::start);
        StdioBackend typed = new StdioBackend(user, new Typed(terminal), !shared);
        if (shared) {
            return typed;
        }
        keyboard = typed;
        return console.open(user);
    }

    private record Typed(TerminalMonitor monitor) implements Alternate {

        @Override
        public void type(byte[] bytes, int count) {
            monitor.type(bytes, count);
        }
    }

    @Override
    public void attach(VirtualMachine machine) {
        if (keyboard != null) {
            keyboard.connect(null);
        }
        services.attach(machine);
    }

    /** Files of sockets that go at the end. */
    void leaveInReach(SandboxPolicy policy) {
        if (services.takesDescriptors()) {
            policy.tap(true);                       // one may be among them
        }
        for (Path socket : services.sockets()) {
            policy.emptiable(socket.toAbsolutePath().getParent().toString());
        }
    }

    @Override
    public void ended(StopCause cause) {
        services.ended(cause);
    }

    @Override
    public void close() {
        services.close();
        if (terminal != null) {
            terminal.close();
        }
        if (keyboard != null) {
            keyboard.close();
        }
    }
}
