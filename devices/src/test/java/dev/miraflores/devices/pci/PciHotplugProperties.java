// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.RegisterStorm;
import dev.miraflores.devices.testkit.RegisterAccess;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.BeforeTry;

/** Whatever a guest writes and reads, each thing that was put into a slot leaves it once: by the guest or by force. */
class PciHotplugProperties {

    private int[] fillings;
    private int[] ejections;
    private boolean[] filled;
    private PciHotplugController controller;

    @BeforeTry
    void startWithEmptySlots() {
        fillings = new int[PciRoot.SLOTS];
        ejections = new int[PciRoot.SLOTS];
        filled = new boolean[PciRoot.SLOTS];
        controller = new PciHotplugController(() -> { }, new PciEjectListener() {
            @Override
            public void ejected(int slot) {
                assertTrue(filled[slot], "slot " + slot + " is empty");
                filled[slot] = false;
                ejections[slot]++;
            }

            @Override
            public void acknowledged(int slot) {
                assertTrue(!filled[slot], "slot " + slot + " was not taken by force");
            }
        });
    }

    @Provide
    Arbitrary<List<RegisterAccess>> accesses() {
        return RegisterAccess.in(4, PciHotplugController.PORT_COUNT + 8).list().ofMinSize(1).ofMaxSize(80);
    }

    @Property(tries = 500)
    void shouldEjectWhatWasPluggedOnce(@ForAll("accesses") List<RegisterAccess> accesses, @ForAll long seed) {
        Random host = new Random(seed);
        for (RegisterAccess access : accesses) {
            host(host.nextInt(4), 1 + host.nextInt(PciRoot.SLOTS - 1));
            if (access.write()) {
                controller.write(access.offset(), access.byteSize(), masked(access.value(), access.byteSize()));
            } else {
                assertEquals(0, controller.read(access.offset(), access.byteSize()) & ~masked(-1, access.byteSize()));
            }
            assertEquals(bits(), controller.read(PciHotplugController.REMOVABLE, 4));
        }
        for (int slot = 0; slot < PciRoot.SLOTS; slot++) {
            assertEquals(fillings[slot], ejections[slot] + (filled[slot] ? 1 : 0));
        }
    }

    private void host(int action, int slot) {
        switch (action) {
            case 0 -> {
                if (!filled[slot]) {
                    filled[slot] = true;
                    fillings[slot]++;
                    controller.plugged(slot);
                    assertEquals(1, controller.read(PciHotplugController.UP, 4) >>> slot & 1);
                }
            }
            case 1 -> {
                assertEquals(filled[slot], controller.requestEject(slot));
                boolean asked = (controller.read(PciHotplugController.DOWN, 4) >>> slot & 1) != 0;
                assertTrue(asked || !filled[slot]);
            }
            case 2 -> {
                assertEquals(filled[slot], controller.seize(slot));
                ejections[slot] += filled[slot] ? 1 : 0;
                filled[slot] = false;
            }
            default -> controller.vanished(slot);
        }
    }

    private long bits() {
        long bits = 0;
        for (int slot = 0; slot < PciRoot.SLOTS; slot++) {
            bits |= filled[slot] ? 1L << slot : 0;
        }
        return bits;
    }

    private static long masked(long value, int byteSize) {
        return byteSize == 8 ? value : value & (1L << 8 * byteSize) - 1;
    }

    @Property(tries = 100)
    void shouldSurviveAnyAccesses(@ForAll long seed) {
        for (int slot = 1; slot < PciRoot.SLOTS; slot++) {
            host(0, slot);
        }
        RegisterStorm.run(controller, PciHotplugController.PORT_COUNT, seed, 1000);
    }

    /** A plugged function takes the lowest slot that is free, one that is not shunned where there is one. */
    @Property(tries = 200)
    void shouldShunSlotsWhileOthersAreFree(@ForAll int taken, @ForAll int shunned) {
        try (TestSlots slots = new TestSlots(taken & ~1)) {
            int free = ~taken & ~1;
            int wanted = (free & ~shunned) != 0 ? free & ~shunned : free;

            int slot = slots.pci().plug(TestSlots.function(), shunned);

            assertEquals(free == 0 ? -1 : Integer.numberOfTrailingZeros(wanted), slot);
        }
    }

    @Provide
    Arbitrary<Integer> slots() {
        return Arbitraries.integers().between(1, PciRoot.SLOTS - 1);
    }

    /** From several threads, too, an ejection reaches its listener once. */
    @Property(tries = 20)
    void shouldLetOneOfManyHaveASlot(@ForAll("slots") int slot) throws InterruptedException {
        host(0, slot);
        List<Thread> threads = new ArrayList<>();
        int[] seized = new int[1];
        for (int i = 0; i < 3; i++) {
            threads.add(Thread.ofPlatform().start(() -> controller.write(PciHotplugController.EJECT, 4, 1L << slot)));
        }
        threads.add(Thread.ofPlatform().start(() -> seized[0] += controller.seize(slot) ? 1 : 0));
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(1, seized[0] + ejections[slot]);
    }
}
