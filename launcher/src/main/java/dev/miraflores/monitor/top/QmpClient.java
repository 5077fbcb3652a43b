// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.top;

import dev.miraflores.machine.ConfigException;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.json.JsonException;
import dev.miraflores.monitor.json.JsonFramer;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;

/**
 * A client of QMP that asks and waits for the answer; events it passes over.
 * <p>Thread: one.
 */
public final class QmpClient implements AutoCloseable {

    /** The other side has closed the conversation. */
    public static final class EndedException extends IOException {

        private static final long serialVersionUID = 1L;

        EndedException() {
            super("the machine's monitor has ended");
        }
    }

    private final SocketChannel channel;
    private final ByteBuffer bytes = ByteBuffer.allocate(8192);
    private final Deque<byte[]> values = new ArrayDeque<>();
    private final JsonFramer framer = new JsonFramer(new JsonFramer.Sink() {
        @Override
        public void value(byte[] text) {
            values.add(text);
        }

        @Override
        public void error(String description) {
            values.add(new byte[0]);
        }
    });

    private QmpClient(SocketChannel channel) {
        this.channel = channel;
    }

    /**
     * Connects and negotiates.
     *
     * @throws ConfigException where nobody listens there
     */
    public static QmpClient connect(Path path) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        QmpClient client = new QmpClient(channel);
        try {
            channel.connect(UnixDomainSocketAddress.of(path));
        } catch (IOException e) {
            channel.close();
            throw new ConfigException("--qmp " + path + ": " + e.getMessage() + "; name the socket of a machine that runs", e);
        }
        boolean done = false;
        try {
            if (!client.next().containsKey("QMP")) {
                throw new ConfigException("--qmp " + path + ": what listens there does not speak QMP, or has too many clients");
            }
            client.execute("qmp_capabilities");
            done = true;
            return client;
        } finally {
            if (!done) {
                channel.close();
            }
        }
    }

    /** What a command without arguments answers. */
    public Map<?, ?> execute(String command) throws IOException {
        send(ByteBuffer.wrap(Json.line(Json.object("execute", command))));
        while (true) {
            Map<?, ?> answer = next();
            if (answer.get("return") instanceof Map<?, ?> result) {
                return result;
            }
            if (answer.get("error") instanceof Map<?, ?> error) {
                throw new IOException(command + ": " + error.get("desc"));
            }
        }
    }

    private void send(ByteBuffer line) throws EndedException {
        try {
            while (line.hasRemaining()) {
                channel.write(line);
            }
        } catch (IOException e) {
            throw new EndedException();             // a machine that was killed says no more than that
        }
    }

    private void receive() throws EndedException {
        bytes.clear();
        try {
            if (channel.read(bytes) >= 0) {
                return;
            }
        } catch (IOException e) {
            // As below.
        }
        throw new EndedException();
    }

    private Map<?, ?> next() throws IOException {
        while (values.isEmpty()) {
            receive();
            framer.feed(bytes.array(), bytes.position());
        }
        try {
            if (Json.parse(values.remove()) instanceof Map<?, ?> object) {
                return object;
            }
        } catch (JsonException e) {
            throw new IOException("the machine's monitor does not speak QMP: " + e.getMessage(), e);
        }
        throw new IOException("the machine's monitor does not speak QMP");
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
