// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.throttle.ThrottleGroups;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.machine.DeviceRemoval.State;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk whose I/O hangs on the host is the end of that disk's removal, not of the machine. */
@KvmTest
class HungDiskTest {

    private static final Duration LIMIT = HotplugMachine.LIMIT;
    private static final long DRAIN_NS = 50_000_000;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private final HangingBackend disk = new HangingBackend();
    private final ScriptedConsole console = new ScriptedConsole();

    private VirtioBlockDevice device;

    /** Its guest works on a disk that does not answer. */
    private VirtualMachine machine() {
        VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=4 poll", console).build());
        device = VirtioBlockDevice.open(BlockDeviceConfig.nothing("hung").nullBytes(1 << 20)
                .drainNs(DRAIN_NS).build(), disk);
        machine.driveBays().addCold(new Drive(DriveConfig.of("hung.img").withId("hung"), device, new ThrottleGroups()));
        return machine;
    }

    private DeviceRemoval failedRemoval(VirtualMachine machine) throws InterruptedException {
        machine.start();
        console.await("holding", LIMIT);
        disk.awaitRequest();
        DeviceRemoval removal = machine.removeDrive("hung", Duration.ZERO);
        assertEquals(State.UNANSWERED, removal.await(LIMIT));
        removal.force();
        assertEquals(State.FAILED, removal.await(LIMIT));
        assertTrue(removal.failure().startsWith("drive hung was given up"), removal.failure());
        return removal;
    }

    @Test
    void shouldFailAndSucceedOnceTheIoHasFinished() throws Exception {
        Path image = BuiltInGuest.disk(directory, 16);
        try (VirtualMachine machine = machine()) {
            DeviceRemoval removal = failedRemoval(machine);
            assertTrue(machine.pause());
            machine.resume();
            assertThrows(ConfigException.class,
                    () -> machine.addDrive(DriveConfig.of(image.toString()).withId("hung")));
            removal.force();
            assertEquals(State.FAILED, removal.await(LIMIT));

            disk.release();
            for (long end = System.nanoTime() + LIMIT.toNanos(); removal.state() != State.REMOVED;) {
                assertTrue(System.nanoTime() < end, removal::failure);
                removal.force();
                removal.await(LIMIT);
            }

            assertNull(removal.failure());
            assertTrue(disk.isClosed());
            assertEquals("hung", machine.addDrive(DriveConfig.of(image.toString()).withId("hung")));
        }
    }

    @Test
    void shouldEndWithTheMachine() throws Exception {
        VirtualMachine machine = machine();
        failedRemoval(machine);

        IllegalStateException failure = assertThrows(IllegalStateException.class, machine::close);

        assertTrue(failure.getMessage().contains("drive hung was given up"), failure.getMessage());
        assertFalse(disk.isClosed());
        disk.release();
        for (long end = System.nanoTime() + LIMIT.toNanos(); !disk.isClosed() && System.nanoTime() < end;) {
            try {
                device.close();
            } catch (MemoryInUseException e) {
                Thread.onSpinWait();
            }
        }
        assertTrue(disk.isClosed());
    }
}
