// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitorEvent;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.socket.ClientServer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * QMP for any number of clients up to {@link #MOST_CLIENTS}. Commands of one client are executed in their order, those of
 * several beside one another.
 * <p>Thread: two for each client, one that reads and executes and one that writes.
 */
public final class QmpServer implements ClientServer.Service {

    /** At once, on one socket. */
    public static final int MOST_CLIENTS = 32;

    private static final long LAST_WORDS_MS = 1000;

    private final Monitor monitor;
    private final QmpCommands commands;
    private final List<Outbox> outboxes = new CopyOnWriteArrayList<>();

    public QmpServer(Monitor monitor, QmpCommands commands) {
        this.monitor = monitor;
        this.commands = commands;
    }

    @Override
    public void serve(ByteChannel client) throws IOException {
        Outbox out = new Outbox(client);
        QmpSession session = new QmpSession(commands, out);
        Consumer<MonitorEvent> listener = session::event;
        outboxes.add(out);
        monitor.addListener(listener);
        try {
            session.open();
            ByteBuffer bytes = ByteBuffer.allocate(4096);
            while (client.read(bytes) >= 0) {
                session.receive(bytes.array(), bytes.position());
                bytes.clear();
            }
            // It may have said all it had to say, and still be listening.
            out.drain(LAST_WORDS_MS);
        } finally {
            monitor.removeListener(listener);
            outboxes.remove(out);
            out.close();
        }
    }

    @Override
    public void refuse(ByteChannel client) throws IOException {
        client.write(ByteBuffer.wrap(Json.line(object("error", object("class", "GenericError",
                "desc", MOST_CLIENTS + " clients are connected, which is as many as there may be; end another")))));
    }

    @Override
    public void finish() {
        long end = System.nanoTime() + LAST_WORDS_MS * 1_000_000;
        for (Outbox out : outboxes) {
            out.drain(Math.max(1, (end - System.nanoTime()) / 1_000_000));
        }
    }
}
