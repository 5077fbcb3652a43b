// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.devices.testkit.RecordingDevice;
import dev.miraflores.devices.testkit.TestMachine;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Both configuration mechanisms: PCI 3.0 §3.2.2.3.2 and PCI Express 3.0 §7.2.2. */
class PciConfigAccessTest {

    private static final int ADDRESS = 0xcf8;
    private static final int DATA = 0xcfc;
    private static final int ENABLE = 1 << 31;
    private static final int SLOT_1 = 1 << 11;

    private final TestMachine machine = new TestMachine();

    PciConfigAccessTest() {
        machine.pci.add(new PciFunction(new PciIdentity(0x1234, 0x5678, 0x9a, 0x0b0c0d, 0x1af4, 0x1100)));
    }

    @AfterEach
    void close() {
        machine.close();
    }

    @Test
    void shouldShowHostBridgeInSlotZero() {
        machine.out(ADDRESS, 4, ENABLE | 0x08);

        assertEquals(0x0600_0000L, machine.in(DATA, 4));
        assertEquals(0x00, machine.configRead(0, 0x0e, 1));
    }

    @Test
    void shouldLatchAddressOfFourBytesOnlyAndReadItBackWithoutReservedBits() {
        machine.out(ADDRESS, 4, 0xffff_ffffL);
        assertEquals(0x80ff_fffcL, machine.in(ADDRESS, 4));

        machine.out(ADDRESS, 1, 0);
        machine.out(ADDRESS, 2, 0);

        assertEquals(0x80ff_fffcL, machine.in(ADDRESS, 4));
        assertEquals(0xff, machine.in(ADDRESS, 1));
        assertEquals(0xffff, machine.in(ADDRESS, 2));
    }

    @Test
    void shouldSelectBytesAndWordsOfRegisterByPort() {
        machine.out(ADDRESS, 4, ENABLE | SLOT_1);

        assertEquals(0x5678_1234L, machine.in(DATA, 4));
        assertEquals(0x1234, machine.in(DATA, 2));
        assertEquals(0x5678, machine.in(DATA + 2, 2));
        assertEquals(0x34, machine.in(DATA, 1));
        assertEquals(0x12, machine.in(DATA + 1, 1));
        assertEquals(0x56, machine.in(DATA + 3, 1));
    }

    @Test
    void shouldWriteSingleBytes() {
        machine.out(ADDRESS, 4, ENABLE | SLOT_1 | 0x04);
        machine.out(DATA + 1, 1, 0x04);

        assertEquals(0x0400, machine.in(DATA, 2));
    }

    @Test
    void shouldReadOnesPastEndOfDataPort() {
        machine.out(ADDRESS, 4, ENABLE | SLOT_1);

        assertEquals(0xffff_ffffL, machine.in(DATA + 1, 4));
        machine.out(DATA + 3, 2, 0);
    }

    @Test
    void shouldReadOnesWhileDisabledOrWhereNothingIs() {
        machine.out(ADDRESS, 4, SLOT_1);
        assertEquals(0xffff_ffffL, machine.in(DATA, 4));
        machine.out(ADDRESS, 4, ENABLE | SLOT_1 | 1 << 8);
        assertEquals(0xffff_ffffL, machine.in(DATA, 4));
        machine.out(ADDRESS, 4, ENABLE | 2 << 11);
        assertEquals(0xffff, machine.in(DATA, 2));
        machine.out(ADDRESS, 4, ENABLE | 1 << 16 | SLOT_1);
        assertEquals(0xff, machine.in(DATA, 1));
    }

    @Test
    void shouldLeaveResetPortToOthers() {
        RecordingDevice reset = new RecordingDevice(0);
        machine.ports.map(0xcf9, 1, reset);

        machine.out(0xcf9, 1, 6);

        assertEquals(List.of("write 0 1 6"), reset.takeAccesses());
        machine.out(ADDRESS, 4, ENABLE);
        assertEquals(List.of(), reset.takeAccesses());
    }

    @Test
    @Tag("virtio:4.1.1/pci")
    void shouldShowSameRegistersThroughEcam() {
        assertEquals(0x5678_1234L, machine.configRead(1, 0, 4));
        assertEquals(0x5678, machine.configRead(1, 2, 2));
        assertEquals(0x0b0c_0d9aL, machine.configRead(1, 8, 4));
        machine.configWrite(1, 4, 2, 0xffff);

        machine.out(ADDRESS, 4, ENABLE | SLOT_1 | 4);
        assertEquals(0x0547, machine.in(DATA, 2));
    }

    @Test
    void shouldReadOnesInEcamWhereNothingIs() {
        assertEquals(0xffff_ffffL, machine.configRead(2, 0, 4));
        assertEquals(0xffff_ffffL, machine.configRead(1, 0x100, 4));
        assertEquals(0xffff_ffffL, machine.read(machine.map.ecamBase() + (1 << 12), 4));
        assertEquals(0xffff_ffffL, machine.read(machine.map.ecamBase() + (1 << 20), 4));
        assertEquals(0xff, machine.read(machine.map.ecamBase() + PciAddressMap.ECAM_BYTES - 1, 1));
        // Only what is there of an access that passes the end.
        assertEquals(0xffff_ffff_ffff_ff00L, machine.configRead(1, 0xff, 8));
    }
}
