// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a scraper sends, in whatever pieces: one answer of HTTP, as long as it says, where there is a head, and else none. */
class MetricsFuzzTest {

    private static final Pattern ANSWER = Pattern.compile("HTTP/1\\.1 (200|405) [A-Za-z ]+\r\n(?:[A-Za-z-]+: [ -~]+\r\n)*\r\n");
    private static final Pattern LENGTH = Pattern.compile("\r\nContent-Length: (\\d+)\r\n");
    private static final int MAX_REQUEST_BYTES = 8192;

    /** One for all inputs, since it has a thread. */
    private static final MetricsServer SERVER = new MetricsServer(new Monitor(new FakeMachine()));

    static Stream<byte[]> seeds() {
        return Stream.of("\u0010GET /metrics HTTP/1.1\r\nHost: localhost:9100\r\nAccept: */*\r\n\r\n", "\u0001GET / HTTP/1.0\n\n",
                "\u00ffHEAD /metrics HTTP/1.1\r\n\r\n", "\u0003POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "\u0007GET ", "\u0002\r\n\r\n")
            .map(text -> text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Gives the first byte's number of bytes, or one, with each read; then the end. */
    private static final class Scraper implements ByteChannel {

        private final ByteBuffer input;
        private final int most;
        private final ByteArrayOutputStream heard = new ByteArrayOutputStream();

        Scraper(byte[] bytes) {
            input = ByteBuffer.wrap(bytes);
            most = input.hasRemaining() ? Math.max(1, input.get() & 0xff) : 1;
        }

        @Override
        public int read(ByteBuffer into) {
            if (!input.hasRemaining()) {
                return -1;
            }
            ByteBuffer piece = input.slice(input.position(), Math.min(most, Math.min(into.remaining(), input.remaining())));
            input.position(input.position() + piece.remaining());
            into.put(piece);
            return piece.position();
        }

        @Override
        public int write(ByteBuffer from) {
            int count = Math.min(most, from.remaining());
            heard.write(from.array(), from.position(), count);
            from.position(from.position() + count);
            return count;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {
            throw new AssertionError("its time is not up");
        }
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldAnswerOnceOrNotAtAll(byte[] input) throws IOException {
        Scraper scraper = new Scraper(input);
        try (Bounds _ = new Bounds()) {
            SERVER.serve(scraper);
        }
        String heard = scraper.heard.toString(StandardCharsets.UTF_8);
        String sent = new String(input, Math.min(1, input.length), Math.max(0, input.length - 1), StandardCharsets.ISO_8859_1);
        String head = sent.substring(0, Math.min(sent.length(), MAX_REQUEST_BYTES));
        assertEquals(head.contains("\n\n") || head.contains("\r\n\r\n"), !heard.isEmpty(), heard);
        if (!heard.isEmpty()) {
            check(heard, head);
        }
    }

    private static void check(String heard, String head) {
        Matcher answer = ANSWER.matcher(heard);
        assertTrue(answer.lookingAt(), heard);
        boolean known = head.startsWith("GET ") || head.startsWith("HEAD ");
        assertEquals(known ? "200" : "405", answer.group(1));
        Matcher length = LENGTH.matcher(answer.group());
        assertTrue(length.find(), heard);
        int byteSize = heard.substring(answer.end()).getBytes(StandardCharsets.UTF_8).length;
        assertEquals(head.startsWith("HEAD ") ? 0 : Integer.parseInt(length.group(1)), byteSize);
        assertTrue(!known || head.startsWith("HEAD ") || heard.endsWith("# EOF\n"));
    }
}
