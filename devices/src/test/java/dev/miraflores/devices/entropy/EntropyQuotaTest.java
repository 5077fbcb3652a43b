// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.IoThreadCondition;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A guest gets so much in a period, and the rest of what it wants in the next. */
@ExtendWith(IoThreadCondition.class)
@Timeout(60)
class EntropyQuotaTest {

    private static final long FEATURES = RingFeatures.VERSION_1;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(64, 0x1000, 0x2000, 0x3000);
    private static final int MAX_BYTES = 1000;
    private static final long PERIOD_MS = 300;

    private final TestMachine machine = new TestMachine();
    private final IoThread ioThread = IoThread.start("test-rng");
    private final VirtioPciTransport transport = new VirtioPciTransport(
            new VirtioEntropyDevice(ioThread, MAX_BYTES, PERIOD_MS), machine.ram(), machine.msis, machine.doorbells);
    private final PciDriver driver = new PciDriver(machine, machine.pci.add(transport.function()), true);

    @AfterEach
    void close() {
        machine.pci.remove(transport.function());
        transport.close();
        ioThread.close();
        machine.close();
    }

    private VirtqueueDriver start() {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        driver.acceptFeatures(FEATURES);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        driver.placeQueue(0, GEOMETRY);
        VirtqueueDriver ring = VirtqueueDriver.create(machine.ram(), GEOMETRY, FEATURES);
        driver.enableQueue(0);
        driver.addStatus(DeviceStatus.DRIVER_OK);
        return ring;
    }

    private void ask(VirtqueueDriver ring, int requests, int byteSize) {
        for (int i = 0; i < requests; i++) {
            ring.add(new BufferElements().writable(0x8000, byteSize));
        }
        ring.publish();
        driver.notifyQueue(0);
    }

    private static long await(VirtqueueDriver ring) throws InterruptedException {
        while (ring.pollUsed() < 0) {
            Thread.sleep(1);
        }
        return ring.usedBytes();
    }

    @Test
    void shouldGiveTheRestInTheNextPeriod() throws InterruptedException {
        long start = System.nanoTime();
        VirtqueueDriver ring = start();
        ask(ring, 8, 400);
        long[] got = new long[8];
        for (int i = 0; i < got.length; i++) {
            got[i] = await(ring);
        }
        // A buffer gets what is left, never nothing.
        long sum = 0;
        for (long each : got) {
            assertTrue(each > 0 && each <= 400, "a buffer of " + each);
            sum += each;
        }
        // 400, 400, 200; then the next.
        assertEquals(200, got[2]);
        long periods = (sum - 1) / MAX_BYTES;
        assertTrue(System.nanoTime() - start >= periods * PERIOD_MS * 1_000_000, sum + " bytes were too fast");
    }

    /** A reset is no new period. */
    @Test
    @Tag("class:endless")
    void shouldNotBeginAnewWithTheDriver() throws InterruptedException {
        long start = System.nanoTime();
        long sum = 0;
        for (int round = 0; round < 4; round++) {
            VirtqueueDriver ring = start();
            ask(ring, 1, MAX_BYTES);
            sum += await(ring);
        }
        assertTrue(System.nanoTime() - start >= (sum - 1) / MAX_BYTES * PERIOD_MS * 1_000_000, sum + " bytes were too fast");
    }

    @Test
    void shouldRefuseALimitThatIsNone() {
        assertThrows(IllegalArgumentException.class, () -> new VirtioEntropyDevice(ioThread, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> new VirtioEntropyDevice(ioThread, 1, 0));
    }
}
