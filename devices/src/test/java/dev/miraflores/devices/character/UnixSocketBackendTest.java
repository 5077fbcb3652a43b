// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Clients that come and go, and a device that does not always take what they say. */
@Timeout(60)
class UnixSocketBackendTest {

    @TempDir
    Path directory;

    private final Device device = new Device();
    private UnixSocketBackend backend;

    /** Takes what there is room for. */
    private static final class Device extends WaitingInput {

        private final BlockingQueue<Boolean> changes = new LinkedBlockingQueue<>();
        private final StringBuilder taken = new StringBuilder();
        private int room;

        @Override
        public synchronized int offer(byte[] bytes, int offset, int length) {
            int count = Math.min(room, length);
            room -= count;
            taken.append(new String(bytes, offset, count, StandardCharsets.US_ASCII));
            notifyAll();
            return count;
        }

        @Override
        public void sendBreak() {
        }

        @Override
        public void setOpen(boolean open) {
            changes.add(open);
        }

        void assertChange(boolean open) throws InterruptedException {
            assertEquals(open, changes.poll(20, TimeUnit.SECONDS));
        }

        synchronized void allow(int byteCount) {
            room += byteCount;
            madeRoom();
        }

        synchronized void awaitTaken(int byteCount) throws InterruptedException {
            while (taken.length() < byteCount) {
                wait();
            }
        }

        synchronized String taken() {
            return taken.toString();
        }

        void end() {
            endInput();
        }
    }

    @BeforeEach
    void listen() throws IOException {
        backend = UnixSocketBackend.open(directory.resolve("s"));
        backend.connect(device);
    }

    @AfterEach
    void close() {
        device.end();
        backend.close();
        assertFalse(Files.exists(directory.resolve("s")));
    }

    private SocketChannel client(String says) throws IOException {
        SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("s")));
        client.write(ByteBuffer.wrap(says.getBytes(StandardCharsets.US_ASCII)));
        return client;
    }

    /** One that gives up on a guest that does not listen takes along what it said, and does not keep the next one out. */
    @Test
    @Tag("class:starvation")
    void shouldForgetWhoHasGoneUnheard() throws Exception {
        client("first".repeat(10_000)).close();
        device.assertChange(true);
        device.assertChange(false);
        try (SocketChannel _ = client("second")) {
            device.assertChange(true);
            device.allow(1000);
            device.awaitTaken(6);
            assertEquals("second", device.taken());
        }
        device.assertChange(false);
    }

    /** As long as it is there, it may wait. */
    @Test
    void shouldWaitWithAClientForAGuest() throws Exception {
        try (SocketChannel _ = client("hello")) {
            device.assertChange(true);
            Thread.sleep(1500);
            device.allow(1000);
            device.awaitTaken(5);
            assertEquals("hello", device.taken());
        }
        device.assertChange(false);
    }

    /** However slow it takes it. */
    @Test
    void shouldPassOnAllThatOneWhoHasGoneHasSaid() throws Exception {
        client("hello".repeat(4)).close();
        device.assertChange(true);
        for (int i = 1; i <= 20; i++) {
            device.allow(1);
            device.awaitTaken(i);
            Thread.sleep(100);
        }
        device.assertChange(false);
        assertEquals("hello".repeat(4), device.taken());
    }

    /** A client that does not read holds up a write, until it goes or the back end is closed. */
    @Test
    void shouldCallAWriteOutOfWaiting() throws Exception {
        byte[] much = new byte[1 << 20];
        SocketChannel client = client("");
        device.assertChange(true);
        Thread writer = Thread.ofPlatform().start(() -> backend.write(much, 0, much.length));
        Thread.sleep(50);
        client.close();
        writer.join();
        device.assertChange(false);

        try (SocketChannel _ = client("")) {
            device.assertChange(true);
            Thread another = Thread.ofPlatform().start(() -> backend.write(much, 0, much.length));
            Thread.sleep(50);
            backend.close();
            another.join();
        }
    }
}
