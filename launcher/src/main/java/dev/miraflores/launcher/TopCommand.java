// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.linux.TerminalMode;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.monitor.top.QmpClient;
import dev.miraflores.monitor.top.TopSample;
import dev.miraflores.monitor.top.TopView;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** {@code hv top}: what a machine is doing, as it does it. */
final class TopCommand implements Command {

    private static final Option QMP = Option.value("--qmp", "PATH", "The socket that hv run --qmp was given; unix:PATH will do, too.");
    private static final Option ONCE = Option.flag("--once", "Shows one interval, and ends.");
    private static final Option INTERVAL = Option.value("--interval", "SECONDS", "How often to look. Default: 1.");

    private static final int STDOUT = 1;
    private static final double MOST_SECONDS = 3600;
    private static final double MS_PER_S = 1000;

    @Override
    public String name() {
        return "top";
    }

    @Override
    public String summary() {
        return "Shows what a running machine does: exits, I/O, latencies, interrupts.";
    }

    @Override
    public Option[] options() {
        return new Option[] {QMP, ONCE, INTERVAL};
    }

    @Override
    public int run(Arguments arguments, Console console) throws IOException, InterruptedException {
        String given = arguments.value(QMP.name(), null);
        if (given == null) {
            throw new ConfigException("no machine is named; use --qmp PATH, as hv run was given it");
        }
        long intervalMs = interval(arguments.value(INTERVAL.name(), "1"));
        boolean once = arguments.has(ONCE.name());
        boolean terminal = !once && TerminalMode.size(STDOUT) != 0;
        try (QmpClient client = QmpClient.connect(path(given))) {
            TopSample before = TopSample.of(client.execute("x-hv-query-stats"));
            do {
                Thread.sleep(intervalMs);
                TopSample now = TopSample.of(client.execute("x-hv-query-stats"));
                console.out().print(terminal ? TopView.screen(before, now, lines()) : TopView.text(before, now));
                console.out().flush();
                before = now;
            } while (!once && !console.out().checkError());
        } catch (QmpClient.EndedException e) {
            console.out().println("the machine has ended");
        }
        return 0;
    }

    private static int lines() {
        return (int) (TerminalMode.size(STDOUT) >>> 32);
    }

    private static Path path(String given) {
        String path = given.startsWith("unix:") ? given.substring("unix:".length()) : given;
        if (path.isEmpty()) {
            throw new ConfigException(QMP.name() + " " + given + ": no path is named; use " + QMP.name() + " PATH, as hv run was given it");
        }
        try {
            return Path.of(path);
        } catch (InvalidPathException e) {
            throw new ConfigException(QMP.name() + " " + given + ": not a file name; check the name", e);
        }
    }

    private static long interval(String text) {
        if (text.matches("[0-9]{1,9}(\\.[0-9]{1,9})?")) {
            double seconds = Double.parseDouble(text);
            if (seconds >= 1 / MS_PER_S && seconds <= MOST_SECONDS) {
                return (long) (seconds * MS_PER_S);
            }
        }
        throw new ConfigException(INTERVAL.name() + " " + text + ": not a number of seconds from 0.001 to 3600; use 1, for example");
    }
}
