// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.MmioDriver;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.RegisterAccess;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.testkit.TransportDriver;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/**
 * A guest that accesses registers in any order, width and phase, over rings full of random bytes. Nothing throws, the
 * device's calls alternate, what it was activated with never changes, and no kick costs more than its queue is long.
 */
class VirtioStormTest {

    private static final long BASE = 0xfeb0_0000L;
    private static final int REGION_BYTES = 0x1000;

    /** One thing that a hostile guest does. */
    sealed interface Step {

        record Access(RegisterAccess access) implements Step {
        }

        /** As much of a proper start as {@code steps} says, so that storms reach every phase. */
        record Start(int steps, int queueSize, long gpa) implements Step {
        }

        record Kick(int queue) implements Step {
        }

        record Scribble(long seed) implements Step {
        }
    }

    @Provide
    Arbitrary<List<Step>> pciSteps() {
        // Areas: common configuration, ISR, device configuration, notifications, MSI-X, configuration space.
        Arbitrary<RegisterAccess> anywhere = RegisterAccess.in(6, REGION_BYTES);
        Arbitrary<RegisterAccess> fields = Combinators.combine(anywhere, Arbitraries.integers().between(0, 0x3f))
                .as((access, at) -> {
                    int byteSize = PciCommonConfigLayout.fieldByteSize(at);
                    return byteSize == 0
                            ? new RegisterAccess(access.where(), at, access.byteSize(), access.write(), access.value())
                            : new RegisterAccess(0, at, byteSize, access.write(), access.value());
                });
        return steps(Arbitraries.oneOf(anywhere, fields));
    }

    @Provide
    Arbitrary<List<Step>> mmioSteps() {
        return steps(Combinators.combine(RegisterAccess.in(1, REGION_BYTES), Arbitraries.of(true, true, false),
                Arbitraries.integers().between(0, 0x48)).as((access, near, word) -> near
                ? new RegisterAccess(0, 4 * word, 4, access.write(), access.value())
                : access));
    }

    private static Arbitrary<List<Step>> steps(Arbitrary<RegisterAccess> accesses) {
        Arbitrary<Step> starts = Combinators.combine(Arbitraries.integers().between(1, 9),
                Arbitraries.of(0, 1, 2, 3, 8, 16, 16, 17, 0x8000, 0x1_0000),
                Arbitraries.of(0L, 0x1000L, 0x2001L, 0x4000L, TestMachine.RAM_BYTES - 64, -16L, 0xc000_0000L))
                .as(Step.Start::new);
        return Arbitraries.frequencyOf(
                Tuple.of(8, accesses.map(Step.Access::new)),
                Tuple.of(2, starts),
                Tuple.of(2, Arbitraries.integers().between(0, 3).map(Step.Kick::new)),
                Tuple.of(1, Arbitraries.longs().map(Step.Scribble::new))).list().ofMinSize(10).ofMaxSize(120);
    }

    @Property(tries = 400)
    @net.jqwik.api.Tag("class:queue-frozen")
    @net.jqwik.api.Tag("class:selector")
    void shouldSurviveAnyAccessOverPci(@ForAll("pciSteps") List<Step> steps) {
        FakeVirtioDevice device = new FakeVirtioDevice();
        try (TestMachine machine = new TestMachine();
             VirtioPciTransport transport =
                     new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells)) {
            int slot = machine.pci.add(transport.function());
            PciDriver driver = new PciDriver(machine, slot, true);
            long[] areas = {driver.common, driver.isr, driver.device, driver.notify, machine.barAddress(slot, 1),
                    machine.map.ecamBase() + ((long) slot << 15)};
            storm(machine, device, driver, areas, steps);
            machine.pci.remove(transport.function());
        }
    }

    @Property(tries = 400)
    @net.jqwik.api.Tag("class:queue-frozen")
    @net.jqwik.api.Tag("class:selector")
    void shouldSurviveAnyAccessOverMmio(@ForAll("mmioSteps") List<Step> steps) {
        FakeVirtioDevice device = new FakeVirtioDevice();
        try (TestMachine machine = new TestMachine();
             VirtioMmioTransport transport =
                     new VirtioMmioTransport(device, machine.ram(), BASE, machine.gsis[5], machine.doorbells)) {
            machine.memory.map(BASE, VirtioMmioTransport.WINDOW_BYTES, transport);
            storm(machine, device, new MmioDriver(machine, BASE, machine.gsis[5]), new long[] {BASE}, steps);
        }
    }

    private static void storm(TestMachine machine, FakeVirtioDevice device, TransportDriver driver, long[] areas,
                              List<Step> steps) {
        VirtioActivation activation = null;
        int[] sizes = new int[FakeVirtioDevice.QUEUES];
        for (Step step : steps) {
            switch (step) {
                case Step.Access(RegisterAccess access) -> access.at(machine, areas[access.where()]);
                case Step.Start start -> start(driver, start);
                case Step.Kick(int queue) -> driver.notifyQueue(queue);
                case Step.Scribble(long seed) -> scribble(machine.ram(), seed);
            }
            if (device.activation() != activation) {
                activation = device.activation();
                for (int i = 0; i < sizes.length; i++) {
                    sizes[i] = size(activation, i);
                }
            }
            for (int i = 0; i < sizes.length; i++) {
                assertEquals(sizes[i], size(activation, i));
                if (sizes[i] != 0) {
                    activation.queues().get(i).interrupt().run();
                    activation.events().configChanged();
                }
                assertTrue(device.serveIfKicked(i) <= 2 * FakeVirtioDevice.MAX_SIZE);
            }
            machine.msis.takeMessages();
        }
    }

    private static int size(VirtioActivation activation, int queue) {
        DeviceQueue made = activation == null ? null : activation.queues().get(queue);
        return made == null ? 0 : made.ring().size();
    }

    private static void start(TransportDriver driver, Step.Start start) {
        int left = start.steps;
        if (left-- > 0) {
            driver.writeStatus(0);
        }
        if (left-- > 0) {
            driver.addStatus(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
        }
        if (left-- > 0) {
            driver.acceptFeatures(RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX);
        }
        if (left-- > 0) {
            driver.addStatus(DeviceStatus.FEATURES_OK);
        }
        for (int queue = 0; queue < 2 && left-- > 0; queue++) {
            driver.placeQueue(queue, new QueueGeometry(start.queueSize, start.gpa, start.gpa + 0x1000,
                    start.gpa + 0x2000));
            driver.enableQueue(queue);
        }
        if (left > 0) {
            driver.addStatus(DeviceStatus.DRIVER_OK);
        }
    }

    /** Rings of random descriptors, and available indices near those that make sense. */
    private static void scribble(GuestMemory ram, long seed) {
        Random random = new Random(seed);
        byte[] page = new byte[0x1000];
        for (long gpa = 0x1000; gpa < 0x8000; gpa += page.length) {
            random.nextBytes(page);
            if (random.nextBoolean()) {
                page[2] = (byte) random.nextInt(20);
                page[3] = 0;
            }
            for (int at = 0; at < page.length && random.nextBoolean(); at += 8) {
                page[at + 3] = 0;
                page[at + 4] = 0;
                page[at + 5] = 0;
                page[at + 6] = 0;
                page[at + 7] = 0;
            }
            ram.write(gpa, page);
        }
    }
}
