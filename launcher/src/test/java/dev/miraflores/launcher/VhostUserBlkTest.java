// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.InflightDescription;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code hv vhost-user-blk} as a process: ready, asked, ended. */
class VhostUserBlkTest {

    private static final int TIMEOUT_MS = 20_000;

    @TempDir
    Path directory;

    @Test
    void shouldServeSeveralDrivesUntilItIsToldToEnd() throws Exception {
        Path image = Files.write(directory.resolve("disk.img"), new byte[1 << 20]);
        Path first = directory.resolve("a");
        Path second = directory.resolve("b");
        Path pid = directory.resolve("pid");
        List<String> command = HvProcess.command("vhost-user-blk", "--num-queues", "3",
                "--socket", first.toString(), "--drive", "file=" + image + ",id=disk",
                "--socket", second.toString(), "--drive", "format=null,size=1M,queues=2");
        String quoted = "'" + String.join("' '", command) + "'";
        try (HvProcess hv = HvProcess.start(directory, List.of("sh", "-c", "echo $$ >" + pid + "; exec " + quoted))) {
            hv.awaitOut("drive disk is ready at " + first);
            hv.awaitOut("drive drive1 is ready at " + second);
            assertEquals(3, ask(first));
            assertEquals(2, ask(second));
            assertEquals(3, ask(first), "one front end after the other");
            assertEquals(1, askForInflightArea(first), "a memfd, which the sandbox must not refuse");
            try (UnixSocket idle = UnixSocket.connect(second.toString())) {
                new ProcessBuilder("kill", "-TERM", Files.readString(pid).strip()).start().waitFor();
                assertEquals(0, hv.await(), hv::texts);
                assertTrue(idle.isOpen());
            }
            assertEquals("", hv.err());
        }
        assertFalse(Files.exists(first));
        assertFalse(Files.exists(second));
    }

    private static long ask(Path socket) throws ProtocolException {
        try (VhostUserConnection connection = new VhostUserConnection(UnixSocket.connect(socket.toString()));
                Message message = new Message()) {
            connection.send(message.request(FrontendRequest.GET_QUEUE_NUM), TIMEOUT_MS);
            assertTrue(connection.receive(message, TIMEOUT_MS));
            return message.u64();
        }
    }

    private static int askForInflightArea(Path socket) throws ProtocolException {
        try (VhostUserConnection connection = new VhostUserConnection(UnixSocket.connect(socket.toString()));
                Message message = new Message()) {
            message.request(FrontendRequest.GET_INFLIGHT_FD);
            connection.send(new InflightDescription(0, 0, 1, 128).write(message), TIMEOUT_MS);
            assertTrue(connection.receive(message, TIMEOUT_MS));
            return message.fdCount();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "vhost-user-blk | 0 --socket and 0 --drive",
        "vhost-user-blk --socket s --drive format=null --drive format=null | 1 --socket and 2 --drive",
        "vhost-user-blk --socket s --drive format=null --num-queues 0 | --num-queues 0; use 1 to 64",
        "vhost-user-blk --socket s --drive format=null --num-queues x | --num-queues x; use 1 to 64",
        "vhost-user-blk --socket s --drive format=null,dataplane=off | dataplane=off: there is no machine",
        "vhost-user-blk --socket s --drive format=null,werror=stop | cannot be stopped from here",
        "vhost-user-blk --socket s --drive format=null --socket s --drive format=null | two drives at --socket s",
        "vhost-user-blk --socket s --drive format=null,id=a --socket t --drive format=null,id=a | two drives with id=a",
        "vhost-user-blk --socket /nowhere/s --drive format=null | --socket /nowhere/s: bind(/nowhere/s): ENOENT",
    })
    void shouldSayWhatIsWrong(String words, String message) throws IOException {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = Main.run(words.strip().split(" "), new Console(System.out, new PrintStream(err, true)));

        assertEquals(2, status);
        assertTrue(err.toString().contains(message.strip()), err.toString());
        assertEquals(1, err.toString().lines().count(), err.toString());
        assertFalse(Files.exists(Path.of("s")));
    }
}
