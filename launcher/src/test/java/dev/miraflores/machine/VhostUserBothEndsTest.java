// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.backend.VhostUserBlockServer;
import dev.miraflores.kvm.StopCause;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The built-in guest on a disk of our own back end: what the storage daemon does not have, packed rings and a record of requests. */
@KvmTest
class VhostUserBothEndsTest {

    @TempDir
    Path sockets;
    @TempDir(factory = BuildDirectory.class)
    Path directory;

    /** A drive that is served to others. */
    private static final class Served implements AutoCloseable {

        private final VirtioBlockDevice disk;
        private final VhostUserBlockServer server;

        Served(Path image, Path socket) {
            disk = VirtioBlockDevice.open(BlockDeviceConfig.raw("served", image.toString()).queues(2).build());
            server = VhostUserBlockServer.start(disk, socket.toString());
        }

        @Override
        public void close() {
            server.close();
            disk.close();
        }
    }

    private DriveConfig drive(Path socket) {
        return DriveConfig.parse("vhost-user=" + socket);
    }

    @ParameterizedTest
    @ValueSource(strings = {"indirect", "packed", "packed intx noeventidx", "packed poll"})
    void shouldServeEachKindOfRing(String words) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        Path socket = sockets.resolve("s");
        try (Served _ = new Served(disk, socket)) {
            BuiltInGuest.run("blocks=48 rounds=2 " + words, m -> m.drive(drive(socket))).assertPassed();
        }
        BuiltInGuest.assertWritten(disk, 0, 48, 1, 1);
    }

    /** The guest writes on while its back end is replaced, and no block of it is missing. */
    @ParameterizedTest
    @ValueSource(strings = {"", " packed"})
    void shouldGoOnWithANewBackEndWhileTheGuestWrites(String words) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        Path socket = sockets.resolve("s");
        ScriptedConsole console = new ScriptedConsole();
        Served served = new Served(disk, socket);
        MachineConfig config = BuiltInGuest.machine("mode=journal count=40 seed=5" + words, console).drive(drive(socket)).build();
        try (VirtualMachine vm = VirtualMachine.create(config)) {
            vm.start();
            for (String line : new String[] {"safe 3\r", "safe 9\r", "safe 20\r"}) {
                console.await(line, BuiltInGuest.LIMIT);
                served.close();
                served = new Served(disk, socket);
            }
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        } finally {
            served.close();
        }
        assertTrue(console.text().contains("result: ok"), console.text());
        BuiltInGuest.assertWritten(disk, 0, 40, 5, 0);
    }

    /** Its rings stop at a reset of the machine, whose memory is made fresh under the back end's mapping, and start again. */
    @Test
    void shouldGoOnAfterAReset() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        Path socket = sockets.resolve("s");
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig config = BuiltInGuest.machine("mode=journal count=40 seed=5", console).drive(drive(socket)).build();
        try (Served _ = new Served(disk, socket); VirtualMachine vm = VirtualMachine.create(config)) {
            vm.start();
            for (int i = 0; i < 3; i++) {
                console.take("safe 5\r", BuiltInGuest.LIMIT);
                vm.requestReset();
                console.take("started by", BuiltInGuest.LIMIT);
            }
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        }
        assertTrue(console.text().contains("result: ok"), console.text());
        BuiltInGuest.assertWritten(disk, 0, 40, 5, 0);
    }

    /** A disk that grows at its back end grows in the guest's machine. */
    @Test
    void shouldHearOfAnotherSize() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        Path socket = sockets.resolve("s");
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig config = BuiltInGuest.machine("mode=hold blocks=16", console).drive(drive(socket)).build();
        try (Served served = new Served(disk, socket); VirtualMachine vm = VirtualMachine.create(config)) {
            vm.start();
            console.await("holding", BuiltInGuest.LIMIT);
            long larger = 128L * BuiltInGuest.BLOCK_BYTES;
            served.disk.resize(larger);
            long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos();
            while (vm.drives().getFirst().status().byteSize() != larger) {
                assertTrue(System.nanoTime() - end < 0, "not in time");
                Thread.sleep(10);
            }
            console.type("q");
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        }
    }
}
