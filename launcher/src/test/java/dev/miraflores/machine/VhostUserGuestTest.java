// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.memory.MemoryBacking;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The built-in guest on a disk that QEMU's storage daemon serves: what it wrote is found in the daemon's image. */
@KvmTest
@NeedsStorageDaemon
class VhostUserGuestTest {

    // Sockets have short paths: the build directory's may be too long.
    @TempDir
    Path sockets;
    @TempDir(factory = BuildDirectory.class)
    Path directory;
    private Path socket;

    @BeforeEach
    void nameSocket() {
        socket = sockets.resolve("s");
    }

    private DriveConfig drive(String more) {
        return DriveConfig.parse("vhost-user=" + socket + more);
    }

    /** By vector, by pin, without interrupts; the guest's ring and the daemon's do not pass through us. */
    @ParameterizedTest
    @ValueSource(strings = {"", "intx", "poll", "direct noeventidx", "queue=16 intx", "mmio=0xfeb00000 line=16"})
    void shouldServeTheGuestFromAnotherProcess(String words) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        VirtioTransport transport = words.startsWith("mmio") ? VirtioTransport.MMIO : VirtioTransport.PCI;
        try (StorageDaemon _ = StorageDaemon.start(disk, socket, ",writable=on")) {
            BuiltInGuest.run("blocks=48 rounds=2 " + words, m -> m.drive(drive("")).virtio(transport)).assertPassed();
        }
        BuiltInGuest.assertWritten(disk, 0, 48, 1, 1);
    }

    @Test
    void shouldUseAsManyQueuesAsTheBackEndServes() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        try (StorageDaemon _ = StorageDaemon.start(disk, socket, ",writable=on,num-queues=2")) {
            BuiltInGuest.run("blocks=48", m -> m.drive(drive(",queues=2,queue-size=64")).vcpus(2)).assertPassed();
            DriveException e = assertThrows(DriveException.class, () -> BuiltInGuest.run("", m -> m.drive(drive(",queues=3"))));
            assertTrue(e.getMessage().contains("queues=3, but it serves 2 at most"), e.getMessage());
        }
        BuiltInGuest.assertWritten(disk, 0, 48, 1, 0);
    }

    @Test
    void shouldShowTheGuestThatTheExportIsReadOnly() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 16);
        try (StorageDaemon _ = StorageDaemon.start(disk, socket, "")) {
            BuiltInGuest.Run run = BuiltInGuest.run("", m -> m.drive(drive(""))).assertPassed();
            assertTrue(run.console().contains("read-only"), run.console());
        }
    }

    @Test
    void shouldSayWhatItIs() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 16);
        try (StorageDaemon _ = StorageDaemon.start(disk, socket, ",writable=on");
                VirtualMachine vm = VirtualMachine.create(
                        BuiltInGuest.machine("", new ScriptedConsole()).drive(drive(",id=far")).build())) {
            Drive far = vm.drive("far");
            DriveStatus status = far.status();
            assertEquals(socket.toString(), status.file());
            assertEquals(16L * BuiltInGuest.BLOCK_BYTES, status.byteSize());
            assertNull(status.engine());
            assertEquals(List.of(), far.inFlight());
            ConfigException e = assertThrows(ConfigException.class, () -> far.resize(4096));
            assertTrue(e.getMessage().contains(socket.toString()), e.getMessage());
        }
    }

    /**
     * The daemon keeps no record of what is in flight, so it has to have nothing in flight when it is killed: a pause sees to
     * that, although QEMU's daemon says where a ring stands before it has finished what it took from it.
     */
    @Test
    void shouldGoOnWithANewBackEnd() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        ScriptedConsole console = new ScriptedConsole();
        StorageDaemon daemon = StorageDaemon.start(disk, socket, ",writable=on");
        MachineConfig config = BuiltInGuest.machine("mode=journal count=30 seed=5", console).drive(drive("")).build();
        try (VirtualMachine vm = VirtualMachine.create(config)) {
            vm.start();
            for (String line : new String[] {"safe 3\r", "safe 11\r"}) {
                console.await(line, BuiltInGuest.LIMIT);
                assertTrue(vm.pause());
                daemon.kill();
                vm.resume();
                Thread.sleep(100);
                daemon = StorageDaemon.start(disk, socket, ",writable=on");
            }
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        } finally {
            daemon.close();
        }
        BuiltInGuest.assertWritten(disk, 0, 30, 5, 0);
    }

    @Test
    void shouldComeAndGo() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig.Builder config = BuiltInGuest.machine("blocks=48", console).memoryBacking(MemoryBacking.MEMFD);
        try (StorageDaemon _ = StorageDaemon.start(disk, socket, ",writable=on");
                VirtualMachine vm = VirtualMachine.create(config.build())) {
            String id = vm.addDrive(drive(""));
            assertEquals(DeviceRemoval.State.REMOVED, vm.removeDrive(id).await(BuiltInGuest.LIMIT));
            vm.addDrive(drive(",id=again"));
            vm.start();
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        }
        BuiltInGuest.assertWritten(disk, 0, 48, 1, 0);
    }

    /** A machine whose memory is private has nothing to give to a back end. */
    @Test
    void shouldRefuseToAddOneToAMachineWithPrivateMemory() throws Exception {
        try (VirtualMachine vm = VirtualMachine.create(BuiltInGuest.machine("", new ScriptedConsole()).build())) {
            ConfigException e = assertThrows(ConfigException.class, () -> vm.addDrive(drive("")));
            assertTrue(e.getMessage().contains("--shared-memory"), e.getMessage());
        }
    }
}
