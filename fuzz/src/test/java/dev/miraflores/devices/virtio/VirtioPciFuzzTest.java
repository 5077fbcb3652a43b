// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any accesses of virtio-pci registers, MSI-X table and configuration space, the BARs moving about (virtio 1.3 §4.1). */
class VirtioPciFuzzTest {

    private static final int COMMON = 0;
    private static final int MSIX_TABLE = 4;
    private static final int CONFIG_SPACE = 5;

    static Stream<byte[]> seeds() {
        Seed byHand = new Seed();
        int[][] writes = {{0x14, 0, 3}, {0x08, 2, 1}, {0x0c, 2, 1}, {0x14, 0, 11}, {0x16, 1, 0}, {0x18, 1, 8},
            {0x20, 2, 0x1000}, {0x28, 2, 0x2000}, {0x30, 2, 0x3000}, {0x1a, 1, 1}, {0x1c, 1, 1}, {0x14, 0, 15}};
        for (int[] write : writes) {
            HostileVirtioDriver.access(byHand, COMMON, write[0], write[1], write[2]);
        }
        Seed moved = HostileVirtioDriver.request();
        HostileVirtioDriver.access(moved, CONFIG_SPACE, 0x10, 2, 0xc010_0000L);
        HostileVirtioDriver.access(moved, CONFIG_SPACE, 0x04, 1, 0);
        HostileVirtioDriver.access(moved, MSIX_TABLE, 0x0c, 2, 1);
        // The window of VIRTIO_PCI_CAP_PCI_CFG, wherever among the capabilities it is (virtio 1.3 §4.1.4.9).
        Seed window = new Seed();
        for (int at = 0x40; at < 0xc0; at += 4) {
            HostileVirtioDriver.access(window, CONFIG_SPACE, at, 2, at % 8 == 0 ? 4 : 0x14);
        }
        Seed noQueue = HostileVirtioDriver.access(new Seed(), COMMON, 0x16, 1, 7);
        HostileVirtioDriver.sweep(noQueue, COMMON, 0x48);
        HostileVirtioDriver.sweep(noQueue, MSIX_TABLE, 0x40);
        return Stream.of(HostileVirtioDriver.request(), byHand, moved, window, noQueue).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:queue-frozen")
    @Tag("class:selector")
    void shouldSurviveAnyAccess(byte[] input) {
        FakeVirtioDevice device = new FakeVirtioDevice();
        try (TestMachine machine = new TestMachine()) {
            HostileVirtioDriver driver;
            try (VirtioPciTransport transport =
                    new VirtioPciTransport(device, HostileVirtioDriver.RAM, machine.msis, machine.doorbells)) {
                int slot = machine.pci.add(transport.function());
                PciDriver registers = new PciDriver(machine, slot, true);
                driver = new HostileVirtioDriver(machine, device, registers, registers.common, registers.isr,
                        registers.device, registers.notify, machine.barAddress(slot, 1),
                        machine.map.ecamBase() + ((long) slot << 15));
                driver.run(input);
                machine.pci.remove(transport.function());
            }
            driver.assertGone();
        }
    }
}
