// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.bindings.libc.libc_h;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InetSocketTest {

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void shouldConnectToWhoListens(String host) throws IOException {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByName(host), freePort());
        int listening = InetSocket.listen(address, 1);
        assumeTrue(listening != -Errno.EADDRNOTAVAIL && listening != -Errno.EAFNOSUPPORT, "this host has no " + host);
        try (Fd listener = Fd.adopt(listening); Fd client = Fd.adopt(InetSocket.connect(address, 5000));
                Arena arena = Arena.ofConfined()) {
            Poll.poll(listener.number(), Poll.POLLIN, 5000);
            try (Fd accepted = Fd.adopt(InetSocket.accept(listener.number()))) {
                assertEquals(-Errno.EAGAIN, InetSocket.accept(listener.number()));
                for (Fd side : List.of(client, accepted)) {
                    assertEquals(1, InetSocket.option(side.number(), libc_h.SOL_SOCKET, InetSocket.SO_KEEPALIVE));
                }
                MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, new byte[] {1, 2, 3});
                MemorySegment iovec = arena.allocateFrom(ValueLayout.JAVA_LONG, bytes.address(), 3);
                SocketMessage message = new SocketMessage(arena);
                assertEquals(3, message.send(client.number(), iovec.address(), 1));
                Poll.poll(accepted.number(), Poll.POLLIN, 5000);
                MemorySegment into = arena.allocate(8);
                assertEquals(3, FileIo.read(accepted.number(), into.address(), 8));
                assertEquals(3, into.get(ValueLayout.JAVA_BYTE, 2));
                assertEquals(-Errno.EAGAIN, FileIo.read(accepted.number(), into.address(), 8));
                assertEquals(0, SocketMessage.shutdown(client.number()));
                assertEquals(-Errno.EPIPE, message.send(client.number(), iovec.address(), 1));
            }
        }
        assertEquals(-Errno.ECONNREFUSED, InetSocket.connect(address, 5000));
    }

    /** One that is full answers nobody, and a NIC that is closed is not to wait until it does. */
    @Test
    void shouldNotWaitForAConnectionThatNobodyWants() throws IOException {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByName("127.0.0.1"), freePort());
        List<Integer> clients = new ArrayList<>();
        try (Fd listener = Fd.adopt(InetSocket.listen(address, 0))) {
            int client;
            while ((client = InetSocket.connect(address, 200)) >= 0 && clients.size() < 20) {
                clients.add(client);
            }
            assumeTrue(client == -Errno.ETIMEDOUT, "this host takes connections that nobody accepts");
            long start = System.nanoTime();
            AtomicInteger asked = new AtomicInteger();
            assertEquals(-Errno.ECANCELED, InetSocket.connect(address, 60_000, () -> asked.incrementAndGet() > 2));
            assertTrue(System.nanoTime() - start < 30_000_000_000L);
            assertTrue(listener.number() >= 0);
        } finally {
            clients.forEach(Fd::close);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket any = new ServerSocket(0)) {
            assertTrue(any.getLocalPort() > 0);
            return any.getLocalPort();
        }
    }
}
