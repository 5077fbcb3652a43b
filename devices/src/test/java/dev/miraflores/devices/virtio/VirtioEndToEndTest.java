// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.MmioDriver;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.testkit.TransportDriver;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Requests from a driver's ring over registers, doorbell, device and notification back to the driver. */
class VirtioEndToEndTest {

    private static final long BASE = 0xfeb0_0000L;
    private static final int STARTED = 0xf;

    @Test
    void shouldServeRequestsOverPciWithMsix() {
        overPci(true, 100, 3);
    }

    @Test
    void shouldServeRequestsOverPciWithIntx() {
        overPci(false, 100, 5);
    }

    /** Any batch size, EVENT_IDX wrapping or not: no request is left lying, §2.7.7 and §2.7.10. */
    @Property(tries = 30)
    void shouldServeRequestsInAnyBatches(@ForAll @IntRange(min = 1, max = 8) int batch,
                                         @ForAll @IntRange(min = 1, max = 70_000) int requests) {
        overPci(true, Math.min(requests, 3000), batch);
    }

    private static void overPci(boolean msix, int requests, int batch) {
        FakeVirtioDevice device = new FakeVirtioDevice();
        try (TestMachine machine = new TestMachine();
             VirtioPciTransport transport =
                     new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells)) {
            int slot = machine.pci.add(transport.function());
            serve(machine, device, new PciDriver(machine, slot, msix), requests, batch);
        }
    }

    @Test
    void shouldServeRequestsOverMmio() {
        FakeVirtioDevice device = new FakeVirtioDevice();
        try (TestMachine machine = new TestMachine();
             VirtioMmioTransport transport =
                     new VirtioMmioTransport(device, machine.ram(), BASE, machine.gsis[5], machine.doorbells)) {
            machine.memory.map(BASE, VirtioMmioTransport.WINDOW_BYTES, transport);
            serve(machine, device, new MmioDriver(machine, BASE, machine.gsis[5]), 100, 4);
        }
    }

    private static void serve(TestMachine machine, FakeVirtioDevice device, TransportDriver driver, int requests,
                              int batch) {
        long features = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
        QueueGeometry geometry = new QueueGeometry(16, 0x1000, 0x2000, 0x3000);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
        driver.acceptFeatures(features);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        driver.placeQueue(1, geometry);
        VirtqueueDriver ring = VirtqueueDriver.create(machine.ram(), geometry, features);
        driver.enableQueue(1);
        driver.addStatus(DeviceStatus.DRIVER_OK);
        assertEquals(STARTED, driver.status());

        BufferElements elements = new BufferElements();
        byte[] written = new byte[32];
        byte[] read = new byte[32];
        for (int done = 0; done < requests; done += batch) {
            for (int i = 0; i < batch; i++) {
                long from = 0x10000 + 64L * i;
                Arrays.fill(written, (byte) (done + i));
                machine.ram().write(from, written);
                assertTrue(ring.add(elements.clear().readable(from, 32).writable(from + 0x8000, 32)) >= 0);
            }
            if (ring.needsNotification()) {
                driver.notifyQueue(1);
            }
            assertEquals(batch, device.serveIfKicked(1));
            assertTrue(driver.takeUsedBufferNotification(1));
            for (int i = 0; i < batch; i++) {
                assertTrue(ring.pollUsed() >= 0);
                assertEquals(32, ring.usedBytes());
                machine.ram().read(0x18000 + 64L * i, read);
                Arrays.fill(written, (byte) (done + i));
                assertArrayEquals(written, read);
            }
            assertEquals(-1, ring.pollUsed());
            ring.enableNotifications();
            device.askForKicks(1);
        }
    }
}
