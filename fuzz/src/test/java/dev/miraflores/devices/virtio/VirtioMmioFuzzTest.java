// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.MmioDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any accesses of virtio-mmio registers and configuration (virtio 1.3 §4.2). */
class VirtioMmioFuzzTest {

    private static final long BASE = 0xfeb0_0000L;

    static Stream<byte[]> seeds() {
        Seed byHand = new Seed();
        int[][] writes = {{0x70, 3}, {0x24, 1}, {0x20, 1}, {0x70, 11}, {0x38, 8}, {0x80, 0x1000}, {0x90, 0x2000},
            {0xa0, 0x3000}, {0x44, 1}, {0x70, 15}, {0x38, 0x8000}, {0x50, 0}, {0x64, 3}, {0x70, 0}};
        for (int[] write : writes) {
            HostileVirtioDriver.access(byHand, 0, write[0], 2, write[1]);
        }
        Seed config = HostileVirtioDriver.access(new Seed(), 0, 0x106, 3, -1);
        Seed noQueue = HostileVirtioDriver.access(new Seed(), 0, 0x30, 2, 7);
        HostileVirtioDriver.sweep(noQueue, 0, 0x110);
        return Stream.of(HostileVirtioDriver.request(), byHand, config, noQueue).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:queue-frozen")
    @Tag("class:selector")
    void shouldSurviveAnyAccess(byte[] input) {
        FakeVirtioDevice device = new FakeVirtioDevice();
        try (TestMachine machine = new TestMachine()) {
            HostileVirtioDriver driver = new HostileVirtioDriver(machine, device,
                    new MmioDriver(machine, BASE, machine.gsis[5]), BASE);
            try (VirtioMmioTransport transport = new VirtioMmioTransport(device, HostileVirtioDriver.RAM, BASE,
                    machine.gsis[5], machine.doorbells)) {
                machine.memory.map(BASE, VirtioMmioTransport.WINDOW_BYTES, transport);
                driver.run(input);
            }
            driver.assertGone();
        }
    }
}
