// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.metrics;

import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.socket.ClientServer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Answers GET of any path with the metrics, once for each connection: as much of HTTP (RFC 9112) as a scraper needs.
 * <p>Thread: one for each client, which has a few seconds.
 */
public final class MetricsServer implements ClientServer.Service {

    /** At once. */
    public static final int MOST_CLIENTS = 8;

    private static final int MAX_REQUEST_BYTES = 8192;
    private static final long CLIENT_SECONDS = 10;

    private final Monitor monitor;
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("metrics-clock").daemon().factory());

    public MetricsServer(Monitor monitor) {
        this.monitor = monitor;
    }

    @Override
    public void serve(ByteChannel client) throws IOException {
        ScheduledFuture<?> limit = clock.schedule(() -> end(client), CLIENT_SECONDS, TimeUnit.SECONDS);
        try {
            String line = requestLine(client);
            if (line == null) {
                return;
            }
            boolean head = line.startsWith("HEAD ");
            if (head || line.startsWith("GET ")) {
                answer(client, "200 OK", OpenMetrics.CONTENT_TYPE, OpenMetrics.text(monitor), head);
            } else {
                answer(client, "405 Method Not Allowed", "text/plain", "only GET\n", false);
            }
        } finally {
            limit.cancel(false);
        }
    }

    private static void end(ByteChannel client) {
        try {
            client.close();
        } catch (IOException e) {
            // It is gone already.
        }
    }

    /** The first line, once the whole head is there; null where it does not come. */
    private static String requestLine(ByteChannel client) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(MAX_REQUEST_BYTES);
        while (bytes.hasRemaining() && client.read(bytes) >= 0) {
            String head = new String(bytes.array(), 0, bytes.position(), StandardCharsets.ISO_8859_1);
            if (head.contains("\r\n\r\n") || head.contains("\n\n")) {
                return head.substring(0, head.indexOf('\n'));
            }
        }
        return null;
    }

    private static void answer(ByteChannel client, String status, String type, String text, boolean head) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        write(client, ("HTTP/1.1 " + status + "\r\nContent-Type: " + type + "\r\nContent-Length: " + body.length
                + "\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.ISO_8859_1));
        if (!head) {
            write(client, body);
        }
    }

    private static void write(ByteChannel client, byte[] bytes) throws IOException {
        ByteBuffer left = ByteBuffer.wrap(bytes);
        while (left.hasRemaining()) {
            client.write(left);
        }
    }

    @Override
    public void refuse(ByteChannel client) throws IOException {
        answer(client, "503 Service Unavailable", "text/plain", "busy\n", false);
    }

    @Override
    public void finish() {
        clock.shutdownNow();
    }
}
