// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.socket.ClientServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a scraper asks, and gets. */
@Timeout(value = 30, unit = TimeUnit.SECONDS)
class MetricsServerTest {

    private ClientServer server;
    private InetSocketAddress address;

    @BeforeEach
    void listen() throws IOException {
        server = ClientServer.tcp("metrics", new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), MetricsServer.MOST_CLIENTS);
        server.start(new MetricsServer(new Monitor(new FakeMachine())));
        address = (InetSocketAddress) server.channel().getLocalAddress();
    }

    @AfterEach
    void close() {
        server.close();
    }

    private String ask(String request) throws IOException {
        try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void shouldAnswerAGetWithAllOfIt() throws IOException {
        String answer = ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertTrue(answer.startsWith("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0"), answer);
        String body = answer.substring(answer.indexOf("\r\n\r\n") + 4);
        assertTrue(body.contains("hv_vcpu_exits_total{vm=\"fake\",vcpu=\"0\",reason=\"KVM_EXIT_IO\"} 7\n"), body);
        assertTrue(body.endsWith("# EOF\n"), body);
        assertTrue(answer.contains("Content-Length: " + body.length() + "\r\n"), answer);
    }

    /** OpenMetrics 1.0: each family is one block, and says its type before its first sample. */
    @Test
    void shouldBeInTheOrderThatOpenMetricsWants() {
        String family = "";
        List<String> lines = OpenMetrics.text(new Monitor(new FakeMachine())).lines().toList();
        assertEquals("# EOF", lines.getLast());
        for (String line : lines.subList(0, lines.size() - 1)) {
            if (line.startsWith("# TYPE ")) {
                family = line.split(" ")[2];
            } else {
                assertTrue(line.startsWith("# HELP " + family + " ") || line.startsWith("# UNIT " + family + " ")
                        || line.startsWith(family), line);
            }
        }
    }

    @Test
    void shouldRefuseWhatIsNoGet() throws IOException {
        assertTrue(ask("POST / HTTP/1.1\r\n\r\n").startsWith("HTTP/1.1 405 "));
    }

    @Test
    void shouldEndARequestThatIsTooLong() throws IOException {
        assertEquals("", ask("x".repeat(8192)));
        assertTrue(ask("GET / HTTP/1.0\r\n\r\n").startsWith("HTTP/1.1 200 "));
    }
}
