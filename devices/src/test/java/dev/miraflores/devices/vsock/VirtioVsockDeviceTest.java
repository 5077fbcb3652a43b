// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.LogLines;
import dev.miraflores.devices.vhost.FakeKernel;
import dev.miraflores.devices.vhost.VhostException;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.File;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The socket device on virtio-pci, from the driver's first register to the kernel's ioctls and back. */
@Timeout(60)
class VirtioVsockDeviceTest {

    private VsockFixture fixture;

    private void make(boolean msix) {
        fixture = new VsockFixture(msix);
    }

    @AfterEach
    void close() {
        if (fixture != null) {
            fixture.close();
            assertTrue(fixture.kernel.isClosed());
            assertEquals(List.of(), fixture.kernel.violations);
        }
    }

    private void exchange(int number, int before) {
        assertTrue(fixture.send(number));
        fixture.await("packet " + number, () -> {
            fixture.kernel.serve();
            return fixture.received().size() == before + 1;
        });
        assertEquals(number, fixture.received().getLast());
    }

    @Test
    void shouldTellItsContextIdAndWhatTheKernelCanDo() {
        make(true);

        assertEquals(19, fixture.driver.deviceId());
        assertEquals(VsockFixture.CID, fixture.driver.readConfig(0, 4));
        assertEquals(0, fixture.driver.readConfig(4, 4), "reserved and zeroed");
        assertEquals(0, fixture.driver.readConfig(8, 4), "nothing else");
        fixture.driver.writeConfig(0, 4, 77);
        assertEquals(VsockFixture.CID, fixture.driver.readConfig(0, 4));
        assertEquals(VsockFixture.CID, fixture.kernel.cid());
        assertEquals(VsockFixture.FEATURES, fixture.driver.deviceFeatures());
        assertEquals(128, fixture.driver.queueSize(VsockFixture.EVENT));
    }

    /** virtio 1.3 §5.10.4. */
    @ParameterizedTest
    @ValueSource(longs = {-1, 0, 1, 2, 0xFFFF_FFFFL, 0x1_0000_0000L, Long.MAX_VALUE})
    @Tag("virtio:5.10.6.4.2/guest-cid")
    void shouldRefuseReservedContextIds(long cid) {
        make(true);
        FakeKernel another = new FakeKernel(fixture.machine.ram());
        assertThrows(IllegalArgumentException.class, () -> VirtioVsockDevice.open(cid, another.open(), 1));
        assertTrue(another.isClosed());
    }

    @Test
    void shouldSayThatAnotherGuestHasTheId() {
        make(true);
        FakeKernel another = new FakeKernel(fixture.machine.ram());
        another.takenCids.add(9L);
        VhostException refusal = assertThrows(VhostException.class, () -> VirtioVsockDevice.open(9, another.open(), 1));
        assertEquals("another guest of this host has this id; choose another", refusal.getMessage());
        assertTrue(another.isClosed());
    }

    @Test
    void shouldSayWhatAKernelLacksThatIsTooOld() {
        make(true);
        FakeKernel another = new FakeKernel(fixture.machine.ram());
        another.features &= ~RingFeatures.VERSION_1;
        VhostException refusal = assertThrows(VhostException.class, () -> VirtioVsockDevice.open(9, another.open(), 1));
        assertTrue(refusal.getMessage().endsWith("it only knows legacy devices; use a newer kernel"), refusal.getMessage());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldHaveTheKernelMovePackets(boolean msix) {
        make(msix);
        fixture.start();
        fixture.awaitRunning();
        assertEquals(VsockFixture.FEATURES, fixture.kernel.accepted());

        for (int i = 0; i < 100; i++) {
            exchange(i, i);
        }
        // By message, or by pin, which the control thread passes on.
        fixture.await("the notification", () -> fixture.driver.takeUsedBufferNotification(VsockFixture.RX));
        assertFalse(fixture.needsReset());
    }

    @Test
    @Tag("virtio:2.4.1/quiet")
    void shouldLeaveTheKernelNothingAfterAReset() {
        make(true);
        fixture.start();
        fixture.awaitRunning();
        exchange(1, 0);

        fixture.driver.writeStatus(0);

        assertEquals(0, fixture.driver.status());
        assertFalse(fixture.kernel.isRunning());
        assertFalse(fixture.kernel.hasEvents());
        fixture.start();
        fixture.awaitRunning();
        exchange(2, 0);
    }

    @Test
    void shouldStandStillWhilePausedAndGoOnWhereItWas() {
        make(true);
        fixture.start();
        fixture.awaitRunning();
        exchange(1, 0);

        fixture.device.pause();
        assertFalse(fixture.kernel.isRunning());
        // The kernel may have taken the notification, and done nothing about it.
        assertTrue(fixture.send(2));
        fixture.device.resume();

        fixture.awaitRunning();
        fixture.await("the packet", () -> {
            fixture.kernel.serve();
            return fixture.received().size() == 2;
        });
        assertEquals(List.of(1, 2), fixture.received());
    }

    @Test
    void shouldNotRunWhereItIsStartedWhilePaused() {
        make(true);
        fixture.device.pause();
        fixture.start();
        fixture.device.pause();
        assertFalse(fixture.kernel.isRunning());

        fixture.device.resume();
        fixture.awaitRunning();
        exchange(1, 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {VsockFixture.RX, VsockFixture.TX})
    void shouldNeedAResetWhereTheKernelCannotGoOn(int queue) {
        make(true);
        fixture.start();
        fixture.awaitRunning();
        try (LogLines log = new LogLines(VirtioVsockDevice.class.getName())) {
            fixture.kernel.breakVring(queue);
            fixture.await("DEVICE_NEEDS_RESET", fixture::needsReset);
            fixture.await("the stop", () -> !fixture.kernel.isRunning());
            assertTrue(fixture.driver.takeConfigNotification());
            assertEquals(List.of("vsock, guest-cid=5: needs a reset: the kernel reports an error of a queue"), log.lines());
        }
        fixture.start();
        fixture.awaitRunning();
        exchange(1, 0);
    }

    /** Each ioctl of a start refused in its turn. */
    @Test
    void shouldNeedAResetWhereTheKernelRefusesAnything() {
        make(true);
        int before = fixture.kernel.calls();
        fixture.start();
        fixture.awaitRunning();
        int calls = fixture.kernel.calls() - before;
        fixture.driver.writeStatus(0);
        int descriptors = new File("/proc/self/fd").list().length;
        try (LogLines log = new LogLines(VirtioVsockDevice.class.getName())) {
            for (int i = 0; i < calls; i++) {
                fixture.kernel.refuse(i, Errno.ENOMEM);
                fixture.start();
                fixture.await("DEVICE_NEEDS_RESET", fixture::needsReset);
                fixture.driver.writeStatus(0);
                assertFalse(fixture.kernel.hasEvents());
            }
            assertEquals("vsock, guest-cid=5: needs a reset: VHOST_SET_FEATURES(0x130000002) of /dev/vhost-test: ENOMEM (12)",
                log.lines().getFirst());
            assertEquals(5, log.lines().size(), "a guest may cause it as often as it likes");
        }
        assertEquals(descriptors, new File("/proc/self/fd").list().length);
        fixture.start();
        fixture.awaitRunning();
        exchange(1, 0);
    }

    @Test
    void shouldRunNothingForADriverWithoutQueues() {
        make(true);
        fixture.start(VsockFixture.RX, VsockFixture.EVENT);
        fixture.device.pause();
        assertFalse(fixture.kernel.hasEvents());
        assertFalse(fixture.needsReset());
    }

    /** virtio 1.3 §2.1.2: a reset that is not over shows. */
    @Test
    void shouldBeHungWhileTheKernelDoesNotStop() {
        fixture = new VsockFixture(true, 100_000_000L);
        fixture.start();
        fixture.awaitRunning();
        CountDownLatch stops = new CountDownLatch(1);
        fixture.kernel.stopHeldUp = stops;

        fixture.driver.writeStatus(0);
        assertEquals(DeviceStatus.DEVICE_NEEDS_RESET, fixture.driver.status());
        assertThrows(MemoryInUseException.class, fixture.device::close);

        fixture.kernel.stopHeldUp = null;
        stops.countDown();
        fixture.await("the end of the reset", () -> fixture.driver.status() == 0);
    }
}
