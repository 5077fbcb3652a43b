// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.MmioDriver;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.testkit.TransportDriver;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioMmioTransport;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A NIC as a guest's driver meets it: by its registers, doorbells and interrupts. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetOverTransportsTest {

    private static final long BASE = 0xfeb0_0000L;
    private static final int STARTED =
        DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK | DeviceStatus.DRIVER_OK;
    private static final int QUEUE_SIZE = 64;
    private static final long BUFFERS = 0x8_0000;

    private final PairBackend backend = new PairBackend(2, NetFeatures.OFFLOADS);
    private final VirtioNetDevice device =
        VirtioNetDevice.open(NetFixture.config().withQueues(2, QUEUE_SIZE).withMtu(1500), backend);
    private final VirtqueueDriver[] rings = new VirtqueueDriver[5];

    @Test
    void shouldServeADriverOverPci() {
        try (TestMachine machine = new TestMachine();
                VirtioPciTransport transport = new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells)) {
            serve(machine, new PciDriver(machine, machine.pci.add(transport.function()), true));
        }
        assertTrue(backend.closed);
    }

    @Test
    void shouldServeADriverOverPciWithoutMsix() {
        try (TestMachine machine = new TestMachine();
                VirtioPciTransport transport = new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells)) {
            serve(machine, new PciDriver(machine, machine.pci.add(transport.function()), false));
        }
    }

    @Test
    void shouldServeADriverOverMmio() {
        try (TestMachine machine = new TestMachine();
                VirtioMmioTransport transport =
                    new VirtioMmioTransport(device, machine.ram(), BASE, machine.gsis[5], machine.doorbells)) {
            machine.memory.map(BASE, VirtioMmioTransport.WINDOW_BYTES, transport);
            serve(machine, new MmioDriver(machine, BASE, machine.gsis[5]));
        }
    }

    private void serve(TestMachine machine, TransportDriver driver) {
        assertEquals(1, driver.deviceId());
        for (int round = 0; round < 3; round++) {
            start(machine, driver);
            packets(machine, driver);
            pairs(machine, driver);
            link(driver);
            driver.writeStatus(0);
            assertEquals(0, driver.status());
        }
        backend.answer = -22;
        start(machine, driver);
        assertEquals(STARTED | DeviceStatus.DEVICE_NEEDS_RESET, driver.status());
        assertTrue(driver.takeConfigNotification());
        driver.writeStatus(0);
        backend.answer = 0;
    }

    private void start(TestMachine machine, TransportDriver driver) {
        driver.addStatus(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
        long features = driver.deviceFeatures();
        driver.acceptFeatures(features);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        assertEquals(2, driver.readConfig(8, 2));
        assertEquals(1500, driver.readConfig(10, 2));
        for (int i = 0; i < rings.length; i++) {
            assertEquals(QUEUE_SIZE, driver.queueSize(i));
            long at = 0x1_0000L * i + 0x1_0000;
            QueueGeometry geometry = new QueueGeometry(QUEUE_SIZE, at, at + 0x4000, at + 0x8000);
            driver.placeQueue(i, geometry);
            rings[i] = VirtqueueDriver.create(machine.ram(), geometry, features);
            driver.enableQueue(i);
        }
        assertEquals(0, driver.queueSize(rings.length));
        driver.addStatus(DeviceStatus.DRIVER_OK);
    }

    private static void await(VirtqueueDriver ring) {
        NetDriver.await("a used buffer", () -> ring.pollUsed() >= 0);
    }

    private static void ring(TransportDriver driver, VirtqueueDriver ring, int index) {
        if (ring.needsNotification()) {
            driver.notifyQueue(index);
        }
    }

    private void packets(TestMachine machine, TransportDriver driver) {
        assertEquals(STARTED, driver.status());
        byte[] frame = NetFixture.frame(1000);
        rings[0].add(new BufferElements().writable(BUFFERS, 2000));
        ring(driver, rings[0], 0);
        assertTrue(backend.inject(0, NetFixture.PLAIN, frame));
        await(rings[0]);
        assertEquals(1012, rings[0].usedBytes());
        byte[] got = new byte[1000];
        machine.ram().read(BUFFERS + 12, got);
        assertArrayEquals(frame, got);
        NetDriver.await("an interrupt", () -> driver.takeUsedBufferNotification(0));
        machine.ram().write(BUFFERS, NetFixture.PLAIN);
        rings[1].add(new BufferElements().readable(BUFFERS, 1012));
        ring(driver, rings[1], 1);
        await(rings[1]);
        byte[] sent = backend.take(0);
        assertArrayEquals(frame, Arrays.copyOfRange(sent, 12, sent.length));
    }

    private void pairs(TestMachine machine, TransportDriver driver) {
        machine.ram().write(BUFFERS, new byte[] {4, 0, 2, 0, 0x55});
        rings[4].add(new BufferElements().readable(BUFFERS, 4).writable(BUFFERS + 4, 1));
        ring(driver, rings[4], 4);
        await(rings[4]);
        byte[] ack = new byte[1];
        machine.ram().read(BUFFERS + 4, ack);
        assertEquals(0, ack[0]);
        assertEquals(2, device.report().state().activePairs());
        machine.ram().write(BUFFERS, NetFixture.PLAIN);
        rings[3].add(new BufferElements().readable(BUFFERS, 112));
        ring(driver, rings[3], 3);
        await(rings[3]);
        assertEquals(112, backend.take(1).length);
    }

    private void link(TransportDriver driver) {
        int generation = driver.configGeneration();
        device.setLinkUp(false);
        NetDriver.await("a configuration change", driver::takeConfigNotification);
        assertEquals(0, driver.readConfig(6, 2));
        assertNotEquals(generation, driver.configGeneration());
        device.setLinkUp(true);
        NetDriver.await("a configuration change", driver::takeConfigNotification);
        assertEquals(1, driver.readConfig(6, 2));
    }
}
