// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Poll;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Interrupts from eventfds, wires and messages reach the guest; its writes reach eventfds. */
@KvmTest
class InterruptTest {
    private static final int GSI = 5;
    private static final int VECTOR = 0x40;
    private static final long MSI_TO_FIRST_CPU = 0xFEE0_0000L;
    private static final int READY_PORT = 0x510;
    private static final int DOORBELL_PORT = 0x500;
    private static final long COUNT_GPA = 0x2000;
    private static final long HANDLER_GPA = 0x1100;
    private static final long IDTR_GPA = 0x3000;
    private static final long IDT_GPA = 0x4000;

    /** The PIC's IRQ 5 at vector 0x25, then HLT for ever. */
    private static final String PIC_GUEST = """
            b0 11                          mov al,0x11
            e6 20                          out 0x20,al
            b0 20                          mov al,0x20
            e6 21                          out 0x21,al
            b0 04                          mov al,0x4
            e6 21                          out 0x21,al
            b0 01                          mov al,0x1
            e6 21                          out 0x21,al
            b0 df                          mov al,0xdf
            e6 21                          out 0x21,al
            c7 06 94 00 00 11              mov WORD PTR ds:0x94,0x1100
            c7 06 96 00 00 00              mov WORD PTR ds:0x96,0x0
            ba 10 05                       mov dx,0x510
            ee                             out dx,al
            fb                             sti
            f4                             hlt
            eb fc                          jmp sti
            """;

    /** The PIC's edge/level control: IRQ 5 is a level. */
    private static final String LEVEL_TRIGGERED = """
            ba d0 04                       mov dx,0x4d0
            b0 20                          mov al,0x20
            ee                             out dx,al
            """;

    /** Counts, acknowledges, rings the doorbell with a 1. */
    private static final String PIC_HANDLER = """
            ff 06 00 20                    inc WORD PTR ds:0x2000
            b0 20                          mov al,0x20
            e6 20                          out 0x20,al
            ba 00 05                       mov dx,0x500
            b8 01 00                       mov ax,0x1
            ef                             out dx,ax
            cf                             iret
            """;

    /** LAPIC on, in x2APIC mode; then HLT for ever. */
    private static final String MSI_GUEST = """
            b9 1b 00 00 00                 mov ecx,0x1b
            0f 32                          rdmsr
            0d 00 0c 00 00                 or eax,0xc00
            0f 30                          wrmsr
            b9 0f 08 00 00                 mov ecx,0x80f
            b8 ff 01 00 00                 mov eax,0x1ff
            31 d2                          xor edx,edx
            0f 30                          wrmsr
            0f 01 1c 25 00 30 00 00        lidt ds:0x3000
            66 ba 10 05                    mov dx,0x510
            ee                             out dx,al
            fb                             sti
            f4                             hlt
            eb fc                          jmp sti
            """;

    private static final String MSI_HANDLER = """
            48 ff 04 25 00 20 00 00        inc QWORD PTR ds:0x2000
            b9 0b 08 00 00                 mov ecx,0x80b
            31 c0                          xor eax,eax
            31 d2                          xor edx,edx
            0f 30                          wrmsr
            ba 00 05 00 00                 mov edx,0x500
            b8 01 00 00 00                 mov eax,0x1
            66 ef                          out dx,ax
            48 cf                          iretq
            """;

    private final CountDownLatch ready = new CountDownLatch(1);
    private final List<Long> doorbellWrites = new ArrayList<>();
    private final EventFd interrupt = EventFd.create();
    private final EventFd doorbell = EventFd.create();
    private TinyGuest guest;

    private final ExitHandler handler = new ExitHandler() {
        @Override
        public long portRead(int port, int byteSize) {
            return 0;
        }

        @Override
        public void portWrite(int port, int byteSize, long value) {
            if (port == READY_PORT) {
                ready.countDown();
            } else {
                synchronized (doorbellWrites) {
                    doorbellWrites.add(value);
                    doorbellWrites.notifyAll();
                }
            }
        }

        @Override
        public long mmioRead(long gpa, int byteSize) {
            return 0;
        }

        @Override
        public void mmioWrite(long gpa, int byteSize, long value) {}
    };

    @BeforeEach
    void noGuestYet() {
        guest = null;
    }

    @AfterEach
    void close() {
        if (guest != null) {
            guest.close();
        }
        interrupt.close();
        doorbell.close();
    }

    private void startPicGuest() throws InterruptedException {
        startPicGuest(PIC_GUEST);
    }

    private void startPicGuest(String listing) throws InterruptedException {
        guest = TinyGuest.realMode(handler, true, listing);
        guest.put(HANDLER_GPA, Listing.bytes(PIC_HANDLER));
        guest.vcpu().setLocalInterrupts();
        guest.vm().start();
        assertTrue(ready.await(20, TimeUnit.SECONDS));
    }

    private void startMsiGuest() throws InterruptedException {
        guest = TinyGuest.longMode(handler, true, MSI_GUEST);
        guest.put(HANDLER_GPA, Listing.bytes(MSI_HANDLER));
        guest.putLongs(IDTR_GPA, IDT_GPA << 16 | 0xFFF, 0);
        guest.putLongs(IDT_GPA + 16 * VECTOR, 0x8E00L << 32 | 8L << 16 | HANDLER_GPA, 0);
        guest.vm().start();
        assertTrue(ready.await(20, TimeUnit.SECONDS));
    }

    private boolean doorbellRings() {
        return (Poll.poll(doorbell.number(), Poll.POLLIN, 20_000) & Poll.POLLIN) != 0 && doorbell.drain() > 0;
    }

    @Test
    void shouldCarryEventToHandlerAndDoorbellBack() throws InterruptedException {
        startPicGuest();
        try (IoEventFd bell = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 2, 1);
                IrqFd irq = guest.vm().assignIrqFd(interrupt, GSI)) {
            assertNotNull(bell);
            assertEquals(GSI, irq.gsi());
            for (int i = 1; i <= 100; i++) {
                interrupt.signal();
                assertTrue(doorbellRings(), "round " + i);
            }
        }
        assertEquals(100, guest.longAt(COUNT_GPA) & 0xFFFF);
        assertEquals(List.of(), doorbellWrites);
    }

    @Test
    void shouldRaiseAndLowerWires() throws InterruptedException {
        startPicGuest();
        try (IoEventFd bell = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 2)) {
            assertNotNull(bell);
            for (int i = 1; i <= 10; i++) {
                guest.vm().setIrqLine(GSI, true);
                assertTrue(doorbellRings(), "round " + i);
                guest.vm().setIrqLine(GSI, false);
            }
        }
        assertEquals(10, guest.longAt(COUNT_GPA) & 0xFFFF);
        assertThrows(IllegalArgumentException.class, () -> guest.vm().setIrqLine(Vm.WIRES, true));
    }

    /** The line falls when the guest acknowledges, and whoever raised it is asked whether it should rise again. */
    @Test
    void shouldResampleLevelsWhenTheGuestAcknowledges() throws InterruptedException {
        startPicGuest(LEVEL_TRIGGERED + PIC_GUEST);
        try (EventFd resample = EventFd.create();
                IoEventFd bell = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 2);
                IrqFd irq = guest.vm().assignLevelIrqFd(interrupt, resample, GSI)) {
            assertNotNull(bell);
            assertEquals(GSI, irq.gsi());
            for (int i = 1; i <= 10; i++) {
                interrupt.signal();
                assertTrue(doorbellRings(), "round " + i);
                assertTrue((Poll.poll(resample.number(), Poll.POLLIN, 20_000) & Poll.POLLIN) != 0, "round " + i);
                resample.drain();
            }
        }
        assertEquals(10, guest.longAt(COUNT_GPA) & 0xFFFF);
    }

    @Test
    void shouldSendMessages() throws InterruptedException {
        startMsiGuest();
        try (IoEventFd bell = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 2)) {
            assertNotNull(bell);
            try (IrqFd irq = guest.vm().assignMsi(interrupt, MSI_TO_FIRST_CPU, VECTOR)) {
                assertTrue(irq.gsi() >= Vm.WIRES);
                for (int i = 1; i <= 100; i++) {
                    interrupt.signal();
                    assertTrue(doorbellRings(), "round " + i);
                }
            }
            assertTrue(guest.vm().signalMsi(MSI_TO_FIRST_CPU, VECTOR));
            assertTrue(doorbellRings());
        }
        assertEquals(101, guest.longAt(COUNT_GPA));
    }

    private static final String MMIO_GUEST = """
            b8 00 d0                       mov ax,0xd000
            8e c0                          mov es,ax
            26 c7 06 00 00 05 00           mov WORD PTR es:0x0,0x5
            26 66 c7 06 00 00 06 00 00 00  mov DWORD PTR es:0x0,0x6
            26 c6 06 00 00 07              mov BYTE PTR es:0x0,0x7
            f4                             hlt
            """;

    @Test
    void shouldRingDoorbellsInMemoryForAnyWidth() throws InterruptedException {
        RecordingHandler recording = new RecordingHandler();
        guest = TinyGuest.realMode(recording, MMIO_GUEST);
        assertNotNull(guest.vm().assignMmioEvent(doorbell, 0xD_0000, 0));
        guest.run();
        assertEquals(3, doorbell.drain());
        assertEquals(List.of(), recording.accesses());
    }

    @Test
    void shouldRingDoorbellsInMemoryForOneValue() throws InterruptedException {
        RecordingHandler recording = new RecordingHandler();
        guest = TinyGuest.realMode(recording, MMIO_GUEST);
        assertNotNull(guest.vm().assignMmioEvent(doorbell, 0xD_0000, 4, 6));
        assertNotNull(guest.vm().assignMmioEvent(interrupt, 0xD_0000, 1, 8));
        guest.run();
        assertEquals(1, doorbell.drain());
        assertEquals(0, interrupt.drain());
        assertEquals(List.of("write 0xd0000/2 = 0x5", "write 0xd0000/1 = 0x7"), recording.accesses());
    }

    /** A masked MSI-X vector is a disconnected event: what happens meanwhile is sent when it is connected again. */
    @Test
    void shouldSendWhatWasPendingBeforeItWasConnected() throws InterruptedException {
        startMsiGuest();
        try (IoEventFd bell = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 2)) {
            assertNotNull(bell);
            guest.vm().assignMsi(interrupt, MSI_TO_FIRST_CPU, VECTOR).close();
            interrupt.signal();
            assertFalse(doorbell.isSignalled());
            try (IrqFd irq = guest.vm().assignMsi(interrupt, MSI_TO_FIRST_CPU, VECTOR)) {
                assertNotNull(irq);
                assertTrue(doorbellRings());
            }
        }
    }

    @Test
    void shouldLetOtherValuesAndClosedDoorbellsReachTheHandler() throws InterruptedException {
        startPicGuest();
        IoEventFd other = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 2, 2);
        assertNotNull(other);
        guest.vm().setIrqLine(GSI, true);
        assertEquals(List.of(1L), awaitDoorbellWrites(1));
        guest.vm().setIrqLine(GSI, false);
        other.close();
        other.close();
        IoEventFd bell = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 0);
        assertNotNull(bell);
        bell.close();
        guest.vm().setIrqLine(GSI, true);
        assertEquals(List.of(1L, 1L), awaitDoorbellWrites(2));
        assertFalse(doorbell.isSignalled());
    }

    private List<Long> awaitDoorbellWrites(int count) throws InterruptedException {
        synchronized (doorbellWrites) {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (doorbellWrites.size() < count && System.nanoTime() < deadline) {
                doorbellWrites.wait(100);
            }
            return List.copyOf(doorbellWrites);
        }
    }

    @Test
    void shouldRefuseASecondDoorbellAtTheSamePlace() {
        guest = TinyGuest.realMode(handler, true, PIC_GUEST);
        try (IoEventFd first = guest.vm().assignMmioEvent(doorbell, 0xD_0000, 4);
                IoEventFd second = guest.vm().assignMmioEvent(interrupt, 0xD_0000, 4);
                IoEventFd beyond = guest.vm().assignMmioEvent(interrupt, -2, 4)) {
            assertNotNull(first);
            assertNull(second);
            assertNull(beyond);
        }
    }

    @Test
    void shouldReuseFreedRoutes() {
        guest = TinyGuest.realMode(handler, true, PIC_GUEST);
        MsiRoute a = guest.vm().allocateMsiRoute(MSI_TO_FIRST_CPU, 1);
        MsiRoute b = guest.vm().allocateMsiRoute(MSI_TO_FIRST_CPU, 2);
        assertNotEquals(a.gsi(), b.gsi());
        assertTrue(a.set(MSI_TO_FIRST_CPU, 3));
        b.close();
        a.close();
        // The one that has this message already is taken, though another comes first.
        assertEquals(b.gsi(), guest.vm().allocateMsiRoute(MSI_TO_FIRST_CPU, 2).gsi());
        assertEquals(a.gsi(), guest.vm().allocateMsiRoute(MSI_TO_FIRST_CPU, 4).gsi());
    }

    @Test
    void shouldSayWhenThereIsNoRouteLeft() {
        guest = TinyGuest.realMode(handler, true, PIC_GUEST);
        GsiRouting routing = new GsiRouting(guest.vm(), 60);
        List<MsiRoute> routes = new ArrayList<>();
        for (MsiRoute route; (route = routing.allocate(MSI_TO_FIRST_CPU, routes.size())) != null; ) {
            routes.add(route);
        }
        assertEquals(60 - 16 - Vm.WIRES, routes.size());
        routes.getFirst().close();
        assertNotNull(routing.allocate(MSI_TO_FIRST_CPU, 1000));
    }

    @Test
    void shouldIgnoreInterruptsAfterTheEnd() throws InterruptedException {
        startPicGuest();
        IrqFd irq = guest.vm().assignIrqFd(interrupt, GSI);
        IoEventFd bell = guest.vm().assignPortEvent(doorbell, DOORBELL_PORT, 2);
        guest.vm().close();
        interrupt.signal();
        assertDoesNotThrow(() -> guest.vm().setIrqLine(GSI, true));
        assertDoesNotThrow(irq::close);
        assertDoesNotThrow(bell::close);
    }
}
