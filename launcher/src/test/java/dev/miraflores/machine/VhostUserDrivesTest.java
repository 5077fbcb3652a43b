// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.devices.vhostuser.VringState;
import dev.miraflores.linux.UnixSocket;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VhostUserDrivesTest {

    private static final int TIMEOUT_MS = 20_000;

    @TempDir
    Path directory;

    /** How long queues are is for the front end to say; ours are shorter where nobody says anything. */
    @Test
    void shouldTakeLongQueuesUnlessTheDriveSaysHowLongTheyAre() throws ProtocolException {
        String any = directory.resolve("a").toString();
        String some = directory.resolve("b").toString();
        try (VhostUserDrives drives = VhostUserDrives.open(List.of(
                new VhostUserDrives.Export(any, DriveConfig.parse("format=null,size=1M")),
                new VhostUserDrives.Export(some, DriveConfig.parse("format=null,size=1M,queue-size=64"))))) {
            assertEquals(2, drives.drives().size());
            assertTrue(takes(any, 128));
            assertTrue(takes(any, 1024), "more than the 256 that our own machines' have");
            assertFalse(takes(any, 2048));
            assertTrue(takes(some, 64));
            assertFalse(takes(some, 128));
        }
    }

    private static boolean takes(String socket, int queueSize) throws ProtocolException {
        try (VhostUserConnection connection = new VhostUserConnection(UnixSocket.connect(socket)); Message message = new Message()) {
            connection.send(message.request(FrontendRequest.SET_PROTOCOL_FEATURES).u64(ProtocolFeature.REPLY_ACK.mask()), TIMEOUT_MS);
            connection.send(new VringState(0, queueSize).write(message.request(FrontendRequest.SET_VRING_NUM)).needReply(), TIMEOUT_MS);
            assertTrue(connection.receive(message, TIMEOUT_MS));
            return message.u64() == 0;
        }
    }
}
