// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.InetSocket;
import dev.miraflores.linux.UnixSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;

class GivenPeerTest {

    @Test
    void shouldGiveItOnceAndWithoutBlocking() {
        UnixSocket[] pair = UnixSocket.pair();
        try (UnixSocket other = pair[1]; GivenPeer peer = GivenPeer.adopt("nic n", pair[0].release().release());
                Fd socket = Fd.adopt(peer.next())) {
            assertTrue(other.isOpen());
            assertTrue((FileIo.statusFlags(socket.number()) & Fd.O_NONBLOCK) != 0);
            assertEquals(PeerSource.NONE, peer.next());
            assertTrue(peer.description().startsWith("socket,fd="), peer.description());
        }
    }

    @Test
    void shouldCloseOneThatNobodyTook() {
        UnixSocket[] pair = UnixSocket.pair();
        pair[1].close();
        UnixSocket[] open = UnixSocket.pair();
        int number = open[0].release().release();
        GivenPeer.adopt("nic n", number).close();
        assertEquals(-Errno.EBADF, FileIo.statusFlags(number));
        open[1].close();
        // The other side is gone already.
        int gone = pair[0].release().release();
        refused(gone, "not a stream socket that is connected");
        assertEquals(-Errno.EBADF, FileIo.statusFlags(gone));
    }

    @Test
    void shouldRefuseInOneLineWhatIsNone() {
        refused(1 << 20, "not open in this process");
        refused(FileIo.duplicate(0), "not a stream socket that is connected");
        try (EventFd event = EventFd.create()) {
            refused(FileIo.duplicate(event.number()), "not a stream socket that is connected");
        }
        UnixSocket[] packets = UnixSocket.packetPair();
        refused(packets[0].release().release(), "not a stream socket that is connected");
        packets[1].close();
    }

    @Test
    void shouldRefuseASocketThatListens() {
        refused(InetSocket.listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1), "not a stream socket that is connected");
    }

    private static void refused(int number, String part) {
        String message = assertThrows(NetException.class, () -> GivenPeer.adopt("nic n", number)).getMessage();
        assertTrue(message.startsWith("nic n: fd=" + number + ": " + part), message);
    }
}
