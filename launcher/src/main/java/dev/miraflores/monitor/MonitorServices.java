// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.VirtualMachine;
import dev.miraflores.monitor.hmp.HmpCommands;
import dev.miraflores.monitor.hmp.HmpServer;
import dev.miraflores.monitor.metrics.MetricsServer;
import dev.miraflores.monitor.qmp.QmpCommands;
import dev.miraflores.monitor.qmp.QmpServer;
import dev.miraflores.monitor.socket.ClientServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/**
 * The monitors of one machine: their sockets, from before the machine is made, so that what is wrong with one is said before
 * anything has begun, to after it ended, so that all hear how.
 * <p>Thread: one.
 */
public final class MonitorServices implements AutoCloseable {

    private final List<ClientServer> qmp = new ArrayList<>();
    private final List<ClientServer> hmp = new ArrayList<>();
    private final List<ClientServer> metrics = new ArrayList<>();
    private final String version;
    private BiConsumer<HmpCommands, String> stdio;
    private Monitor monitor;

    /** @param version this program's */
    public MonitorServices(String version) {
        this.version = version;
    }

    /** Listens for QMP. */
    public void addQmp(MonitorAddress address) {
        qmp.add(address.listen("qmp", QmpServer.MOST_CLIENTS));
    }

    /** Listens for people. */
    public void addHmp(MonitorAddress address) {
        hmp.add(address.listen("hmp", HmpServer.MOST_CLIENTS));
    }

    /** Listens for scrapers. */
    public void addMetrics(MonitorAddress address) {
        metrics.add(address.listen("metrics", MetricsServer.MOST_CLIENTS));
    }

    /** Who begins to read commands from somewhere else, given them and the version. */
    public void setStdio(BiConsumer<HmpCommands, String> start) {
        stdio = start;
    }

    /** Whether clients may hand in descriptors. */
    public boolean takesDescriptors() {
        return !qmp.isEmpty();
    }

    /** Where it listens in the file system. */
    public List<Path> sockets() {
        return Stream.of(qmp, hmp, metrics).flatMap(List::stream).map(ClientServer::path).filter(Objects::nonNull).toList();
    }

    /** Serves a machine, which has not started yet. */
    public void attach(VirtualMachine machine) {
        monitor = new Monitor(MonitoredMachine.of(machine));
        qmp.forEach(server -> server.start(new QmpServer(monitor, new QmpCommands(monitor, version))));
        HmpCommands commands = new HmpCommands(monitor, version);
        hmp.forEach(server -> server.start(new HmpServer(commands, version)));
        metrics.forEach(server -> server.start(new MetricsServer(monitor)));
        if (stdio != null) {
            stdio.accept(commands, version);
        }
    }

    /** The machine has ended, and everybody hears of it. */
    public void ended(StopCause cause) {
        if (monitor != null && cause != null) {
            monitor.ended(cause);
        }
    }

    @Override
    public void close() {
        qmp.forEach(ClientServer::close);
        hmp.forEach(ClientServer::close);
        metrics.forEach(ClientServer::close);
    }
}
