// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.monitor.EventHub;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.hmp.HmpCommands;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The commands that this machine has.
 * <p>Thread: any.
 */
public final class QmpCommands {

    /** Whose documents the commands follow. */
    private static final Map<String, Object> QEMU_VERSION = object("major", 7, "minor", 2, "micro", 0);

    private final Map<String, QmpCommand> commands = new LinkedHashMap<>();
    private final Monitor monitor;
    private final String version;

    /** @param version this program's */
    public QmpCommands(Monitor monitor, String version) {
        this.monitor = monitor;
        this.version = version;
        addRun();
        new QmpQueries(monitor).commands().forEach(this::add);
        new QmpBlock(monitor).commands().forEach(this::add);
        new QmpNet(monitor).commands().forEach(this::add);
        new QmpBalloon(monitor).commands().forEach(this::add);
        new QmpStatistics(monitor).commands().forEach(this::add);
        HmpCommands hmp = new HmpCommands(monitor, version);
        add(QmpCommand.of("human-monitor-command", "command-line:str,cpu-index:int?", arguments ->
                hmp.run(arguments.text("command-line")).replace("\n", "\r\n")));
        add(QmpCommand.of("query-commands", "", _ -> names(commands.keySet())));
        add(QmpCommand.of("query-events", "", _ -> names(EventHub.NAMES)));
        add(QmpCommand.of("query-version", "", _ -> version()));
    }

    private void addRun() {
        add(QmpCommand.of("query-status", "", _ -> object("running", monitor.run().isRunning(), "singlestep", false,
                "status", monitor.run().status())));
        add(QmpCommand.of("stop", "", _ -> {
            monitor.run().stop();
            return null;
        }));
        add(QmpCommand.of("cont", "", _ -> {
            monitor.run().cont();
            return null;
        }));
        add(QmpCommand.later("system_powerdown", monitor.run()::powerDown));
        add(QmpCommand.later("system_reset", monitor.run()::reset));
        add(QmpCommand.later("quit", monitor.run()::quit));
    }

    private void add(QmpCommand command) {
        commands.put(command.name(), command);
    }

    private static List<Object> names(Iterable<String> all) {
        List<Object> names = new ArrayList<>();
        for (String name : all) {
            names.add(object("name", name));
        }
        return names;
    }

    Map<String, Object> version() {
        return object("qemu", QEMU_VERSION, "package", "Miraflores " + version);
    }

    /** Null where there is none of that name. */
    QmpCommand find(String name) {
        return commands.get(name);
    }

    /** The names of all. */
    public List<String> names() {
        return List.copyOf(commands.keySet());
    }
}
