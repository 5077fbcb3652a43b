// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.bindings.kvm.kvm_abi.kvm_irqchip;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_pit_state2;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_pit_channel_state;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What a guest has made of its CPUs and interrupt controllers is gone once the state of the start is put back. */
@KvmTest
class PowerOnStateTest {

    private static final int IA32_SYSENTER_EIP = 0x176;
    private static final int IA32_STAR = 0xC000_0081;
    private static final int IA32_PAT = 0x277;

    // Masks of the PIC, a fast PIT, an IOAPIC entry, a LAPIC timer that counts; then the port that says so, and an endless loop.
    private static final String DIRTY = """
            b0 11                          mov al,0x11
            e6 20                          out 0x20,al
            b0 40                          mov al,0x40
            e6 21                          out 0x21,al
            b0 04                          mov al,0x4
            e6 21                          out 0x21,al
            b0 01                          mov al,0x1
            e6 21                          out 0x21,al
            b0 5a                          mov al,0x5a
            e6 21                          out 0x21,al
            b0 a5                          mov al,0xa5
            e6 a1                          out 0xa1,al
            b0 34                          mov al,0x34
            e6 43                          out 0x43,al
            b0 00                          mov al,0x0
            e6 40                          out 0x40,al
            b0 10                          mov al,0x10
            e6 40                          out 0x40,al
            bb 00 00 c0 3f                 mov ebx,0x3fc00000
            c7 03 10 00 00 00              mov DWORD PTR [rbx],0x10
            c7 43 10 37 00 00 00           mov DWORD PTR [rbx+0x10],0x37
            bb 00 00 e0 3f                 mov ebx,0x3fe00000
            c7 83 f0 00 00 00 ff 01 00 00  mov DWORD PTR [rbx+0xf0],0x1ff
            c7 83 20 03 00 00 41 00 03 00  mov DWORD PTR [rbx+0x320],0x30041
            c7 83 80 03 00 00 ff ff ff 0f  mov DWORD PTR [rbx+0x380],0xfffffff
            c7 83 80 00 00 00 20 00 00 00  mov DWORD PTR [rbx+0x80],0x20
            66 ba 10 05                    mov dx,0x510
            ee                             out dx,al
            eb fe                          jmp $
            """;

    /** The IOAPIC and the local APIC have the last 4 MiB of the first GiB. */
    private static TinyGuest dirtyGuest(ExitHandler handler) {
        TinyGuest guest = TinyGuest.longMode(handler, true, DIRTY);
        guest.putLongs(0x12000 + 8 * 510, 0xFEC0_0000L | 0x83, 0xFEE0_0000L | 0x83);
        return guest;
    }

    /** Counts accesses to one port. */
    private static final class Ready implements ExitHandler {
        final CountDownLatch ready = new CountDownLatch(1);
        final AtomicInteger writes = new AtomicInteger();

        @Override
        public long portRead(int port, int byteSize) {
            return 0;
        }

        @Override
        public void portWrite(int port, int byteSize, long value) {
            writes.incrementAndGet();
            ready.countDown();
        }

        @Override
        public long mmioRead(long gpa, int byteSize) {
            return 0;
        }

        @Override
        public void mmioWrite(long gpa, int byteSize, long value) {}
    }

    private static void assertSame(PowerOnState expected, PowerOnState actual, int cpus) {
        for (int i = 0; i < 3; i++) {
            assertArrayEquals(expected.chip(i), actual.chip(i), "chip " + i);
        }
        assertArrayEquals(withoutTime(expected.pit()), withoutTime(actual.pit()), "PIT");
        for (int cpu = 0; cpu < cpus; cpu++) {
            Map<String, byte[]> was = expected.vcpu(cpu).parts();
            Map<String, byte[]> is = actual.vcpu(cpu).parts();
            assertEquals(was.keySet(), is.keySet());
            for (String part : was.keySet()) {
                assertArrayEquals(was.get(part), is.get(part), "vCPU " + cpu + ", " + part);
            }
            MsrList before = expected.vcpu(cpu).msrs().values();
            MsrList now = actual.vcpu(cpu).msrs().values();
            assertEquals(before.size(), now.size());
            for (int i = 0; i < before.size(); i++) {
                assertEquals(before.describe(i), now.describe(i), "vCPU " + cpu);
            }
        }
    }

    /** When its channels were loaded is of no matter, with none running. */
    private static byte[] withoutTime(byte[] pit) {
        for (int channel = 0; channel < 3; channel++) {
            int at = (int) (kvm_pit_state2.channels + channel * kvm_pit_channel_state.sizeof + kvm_pit_channel_state.count_load_time);
            for (int i = 0; i < Long.BYTES; i++) {
                pit[at + i] = 0;
            }
        }
        return pit;
    }

    @Test
    void shouldPutRegistersBack() {
        try (Kvm kvm = Kvm.open();
                Vm vm = kvm.createVm("registers")) {
            vm.createIrqchip();
            PcCpus.create(kvm, vm, CpuTopology.ofCores(2), new RecordingHandler());
            PowerOnState start = PowerOnState.of(kvm, vm);
            assertTrue(start.vcpu(0).msrs().values().size() > 20);
            for (Vcpu vcpu : vm.vcpus()) {
                vcpu.setRegisters(new Registers().rip(0x1234).rax(-1).r15(0x5678).rflags(2));
                SegmentRegister segment = SegmentRegister.realModeData(0x1000);
                vcpu.setSpecialRegisters(vcpu.specialRegisters().ds(segment).idt(new DescriptorTable(0x4000, 0x3FF)));
                vcpu.setFloatingPointRegisters(vcpu.floatingPointRegisters().controlWord(0x27F));
                vcpu.setMsrs(new MsrList().add(IA32_SYSENTER_EIP, 0x1111).add(IA32_STAR, 0x2222_0000_0000L)
                        .add(IA32_PAT, 0x0606_0606_0606_0606L).add(MsrList.IA32_MTRR_PHYSBASE0, 0x4000_0006L));
                vcpu.setMultiprocessingState(MultiprocessingState.HALTED);
            }
            start.restore();
            assertSame(start, PowerOnState.of(kvm, vm), 2);
            assertEquals(0, vm.vcpus().getFirst().msr(IA32_SYSENTER_EIP));
            assertEquals(0xFFF0, vm.vcpus().getFirst().registers().rip());
        }
    }

    @Test
    void shouldPutBackWhatARunningGuestHasChanged() throws InterruptedException {
        Ready handler = new Ready();
        try (TinyGuest guest = dirtyGuest(handler);
                Kvm kvm = Kvm.open()) {
            PowerOnState start = PowerOnState.of(kvm, guest.vm());
            byte[] ioApic = start.chip(2);
            guest.vm().start();
            assertTrue(handler.ready.await(20, TimeUnit.SECONDS));
            assertTrue(guest.vm().requestHold());
            assertTrue(guest.vm().awaitHeld());
            PowerOnState dirty = PowerOnState.of(kvm, guest.vm());
            assertFalse(java.util.Arrays.equals(start.chip(0), dirty.chip(0)), "the PIC is as it was");
            assertFalse(java.util.Arrays.equals(ioApic, dirty.chip(2)), "the IOAPIC is as it was");
            assertFalse(java.util.Arrays.equals(start.vcpu(0).parts().get("LAPIC"), dirty.vcpu(0).parts().get("LAPIC")));
            assertEquals(kvm_irqchip.sizeof, ioApic.length);
            start.restore();
            assertSame(start, PowerOnState.of(kvm, guest.vm()), 1);
            assertEquals(1, handler.writes.get());
            guest.vm().release();
            // From its first instruction again.
            long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (handler.writes.get() < 2 && System.nanoTime() < end) {
                Thread.sleep(1);
            }
            assertEquals(2, handler.writes.get());
        }
    }

    @Test
    void shouldKeepAPauseThatWasAskedForWhileItWasHeld() throws InterruptedException {
        Ready handler = new Ready();
        try (TinyGuest guest = dirtyGuest(handler)) {
            guest.vm().start();
            assertTrue(handler.ready.await(20, TimeUnit.SECONDS));
            Vm vm = guest.vm();
            assertTrue(vm.requestHold() && vm.awaitHeld());
            assertFalse(vm.isPaused());
            assertTrue(vm.pause());
            vm.resume();
            assertEquals(guest.vcpu().registers().rip(), guest.vcpu().registers().rip()); // still outside: refused otherwise
            assertTrue(vm.pause());
            vm.release();
            assertNotNull(guest.vcpu().registers());
            assertTrue(vm.isPaused());
            vm.resume();
            assertNotEquals(true, vm.isPaused());
        }
    }

    @Test
    void shouldEndAVmThatIsHeld() throws InterruptedException {
        Ready handler = new Ready();
        try (TinyGuest guest = dirtyGuest(handler)) {
            guest.vm().start();
            assertTrue(handler.ready.await(20, TimeUnit.SECONDS));
            assertTrue(guest.vm().requestHold() && guest.vm().awaitHeld());
            guest.vm().requestStop(new StopCause.HostRequest());
            assertEquals(new StopCause.HostRequest(), guest.awaitEnd());
            assertFalse(guest.vm().requestHold());
            assertFalse(guest.vm().awaitHeld());
        }
    }

    @Test
    void shouldForgetMessagesThatNoDeviceHas() {
        try (Kvm kvm = Kvm.open();
                Vm vm = kvm.createVm("routes")) {
            vm.createIrqchip();
            MsiRoute first = vm.allocateMsiRoute(0xFEE0_0000L, 0x40);
            MsiRoute second = vm.allocateMsiRoute(0xFEE0_1000L, 0x41);
            first.close();
            vm.resetRouting();
            assertEquals(first.gsi(), vm.allocateMsiRoute(0xFEE0_2000L, 0x42).gsi());
            second.close();
            vm.resetRouting();
            assertEquals(second.gsi(), vm.allocateMsiRoute(0xFEE0_0000L, 0x40).gsi());
        }
    }
}
