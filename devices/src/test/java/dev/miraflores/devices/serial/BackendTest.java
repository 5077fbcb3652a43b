// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.miraflores.devices.RecordedLine;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.FileBackend;
import dev.miraflores.devices.character.StreamBackend;
import dev.miraflores.devices.character.UnixSocketBackend;
import java.io.IOException;
import java.io.OutputStream;
import java.net.BindException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackendTest {

    private static final int DATA = 0;
    private static final int LSR = 5;

    @TempDir
    Path directory;

    private static Serial16550A uart(CharBackend backend) {
        return new Serial16550A("com1", new RecordedLine(), backend);
    }

    private static void send(Serial16550A uart, String text) {
        for (char c : text.toCharArray()) {
            uart.write(DATA, 1, c);
        }
    }

    private static char receive(Serial16550A uart) {
        while ((uart.read(LSR, 1) & 1) == 0) {
            Thread.onSpinWait();
        }
        return (char) uart.read(DATA, 1);
    }

    @Test
    void shouldReplaceWhatAFileHeldOnceAPortIsThere() throws IOException {
        Path file = Files.writeString(directory.resolve("log"), "an older and longer text");
        FileBackend backend = FileBackend.open(file);
        assertEquals("an older and longer text", Files.readString(file));
        try (Serial16550A uart = uart(backend)) {
            send(uart, "boot\n");
        }
        assertEquals("boot\n", Files.readString(file));
    }

    @Test
    void shouldLeaveNoFileThatNoPortEverUsed() throws IOException {
        Path made = directory.resolve("new");
        FileBackend.open(made).close();
        assertFalse(Files.exists(made));
        Path kept = Files.writeString(directory.resolve("old"), "kept");
        FileBackend.open(kept).close();
        assertEquals("kept", Files.readString(kept));
    }

    @Test
    void shouldLeaveTheCallersStreamOpen() throws IOException {
        boolean[] closed = new boolean[1];
        StringBuilder written = new StringBuilder();
        OutputStream stream = new OutputStream() {
            @Override
            public void write(int b) {
                written.append((char) b);
            }

            @Override
            public void close() {
                closed[0] = true;
            }
        };
        try (Serial16550A uart = uart(new StreamBackend(stream))) {
            send(uart, "boot\n");
        }
        assertEquals("boot\n", written.toString());
        assertFalse(closed[0]);
    }

    @Test
    void shouldServeOneSocketClientAfterTheOther() throws IOException {
        Path path = directory.resolve("console");
        try (Serial16550A uart = uart(UnixSocketBackend.open(path))) {
            send(uart, "nobody hears this");
            for (int i = 0; i < 3; i++) {
                assertTimeoutPreemptively(Duration.ofSeconds(20), () -> converse(uart, path));
            }
        }
        assertFalse(Files.exists(path));
    }

    private static void converse(Serial16550A uart, Path path) throws IOException {
        try (SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            client.write(ByteBuffer.wrap("k".getBytes(StandardCharsets.US_ASCII)));
            assertEquals('k', receive(uart));
            send(uart, "hello");
            ByteBuffer answer = ByteBuffer.allocate(100);
            StringBuilder heard = new StringBuilder();
            while (!heard.toString().endsWith("hello") && client.read(answer.clear()) >= 0) {
                heard.append(StandardCharsets.US_ASCII.decode(answer.flip()));
            }
        }
    }

    @Test
    void shouldEndInBoundedTimeWhenAClientDoesNotRead() throws IOException {
        Path path = directory.resolve("console");
        Serial16550A uart = uart(UnixSocketBackend.open(path));
        try (SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            client.write(ByteBuffer.wrap(new byte[] {'k'}));
            receive(uart);
            assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
                while ((uart.read(LSR, 1) & 0x20) != 0) {
                    send(uart, "x");
                }
                uart.close();
            });
        }
    }

    @Test
    void shouldReplaceASocketThatADeadProcessLeft() throws IOException {
        Path path = directory.resolve("console");
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(path));
        }
        UnixSocketBackend.open(path).close();
        assertFalse(Files.exists(path));
    }

    @Test
    void shouldLeaveAloneWhatIsNotItsOwn() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "precious");
        assertEquals("it exists and is no socket",
                assertThrows(BindException.class, () -> UnixSocketBackend.open(file)).getMessage());
        assertEquals("precious", Files.readString(file));
        Path path = directory.resolve("console");
        try (Serial16550A _ = uart(UnixSocketBackend.open(path))) {
            assertEquals("another process listens there",
                    assertThrows(BindException.class, () -> UnixSocketBackend.open(path)).getMessage());
        }
    }
}
