// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What KVM takes, and keeps, of what a CPU is set up with. */
@KvmTest
class PcCpusTest {

    @Test
    void shouldMakeCpusAsFirmwareLeavesThem() {
        try (Kvm kvm = Kvm.open();
                Vm vm = kvm.createVm("pc")) {
            vm.createIrqchip();
            List<Vcpu> vcpus = PcCpus.create(kvm, vm, new CpuTopology(1, 3, 1), new RecordingHandler());
            assertEquals(3, vcpus.size());
            for (Vcpu vcpu : vcpus) {
                assertEquals(vcpu.cpu(), vcpu.apicId());
                assertEquals(0x806, vcpu.msr(MsrList.IA32_MTRR_DEF_TYPE));
                assertEquals(
                        vcpu.cpu() == 0 ? MultiprocessingState.RUNNABLE : MultiprocessingState.UNINITIALIZED,
                        vcpu.multiprocessingState());
            }
            // The reset state (Intel SDM vol. 3, table 10-1).
            assertEquals(0xFFF0, vcpus.getFirst().registers().rip());
            assertEquals(0xFFFF_0000L, vcpus.getFirst().specialRegisters().cs().base());
            assertEquals(0x37F, vcpus.getFirst().floatingPointRegisters().controlWord());
        }
    }

    @Test
    void shouldKeepRegistersThatWereSet() {
        try (Kvm kvm = Kvm.open();
                Vm vm = kvm.createVm("registers")) {
            vm.createIrqchip();
            Vcpu vcpu = PcCpus.create(kvm, vm, CpuTopology.ofCores(1), new RecordingHandler()).getFirst();
            vcpu.setRegisters(new Registers().rip(0x1234).rax(-1).r15(0x5678).rflags(2));
            Registers registers = vcpu.registers();
            assertEquals(0x1234, registers.rip());
            assertEquals(-1, registers.rax());
            assertEquals(0x5678, registers.r15());
            SegmentRegister segment = SegmentRegister.realModeData(0x1000);
            vcpu.setSpecialRegisters(vcpu.specialRegisters().ds(segment).idt(new DescriptorTable(0x4000, 0x3FF)));
            assertEquals(segment, vcpu.specialRegisters().ds());
            assertEquals(new DescriptorTable(0x4000, 0x3FF), vcpu.specialRegisters().idt());
            vcpu.setFloatingPointRegisters(vcpu.floatingPointRegisters().controlWord(0x27F));
            assertEquals(0x27F, vcpu.floatingPointRegisters().controlWord());
        }
    }

    @Test
    void shouldNameTheRegisterThatKvmRefuses() {
        try (Kvm kvm = Kvm.open();
                Vm vm = kvm.createVm("msr")) {
            vm.createIrqchip();
            Vcpu vcpu = PcCpus.create(kvm, vm, CpuTopology.ofCores(1), new RecordingHandler()).getFirst();
            MsrList msrs = new MsrList().add(MsrList.IA32_MTRR_DEF_TYPE, 0x806).add(0x1234_5678, 0x9A);
            String message = assertThrows(IllegalArgumentException.class, () -> vcpu.setMsrs(msrs)).getMessage();
            assertEquals("KVM_SET_MSRS(vcpu=0) refused MSR 0x12345678 = 0x9a", message);
        }
    }

    @Test
    void shouldTellWhatTheHostHas() {
        try (Kvm kvm = Kvm.open()) {
            assertEquals(List.of(), kvm.missing());
            assertTrue(kvm.maxVcpus() >= 1);
            assertTrue(kvm.maxVcpuId() >= kvm.maxVcpus());
            assertTrue(kvm.physicalAddressBits() >= 36);
            assertTrue(kvm.supportedCpuid().size() > 5);
        }
    }

    /** APIC ids of more than eight bits. */
    @Test
    void shouldMakeMoreCpusThanEightBitsNumber() {
        try (Kvm kvm = Kvm.open();
                Vm vm = kvm.createVm("many")) {
            if (kvm.maxVcpuId() <= 300) {
                return;
            }
            vm.createIrqchip();
            Vcpu vcpu = vm.createVcpu(300, new RecordingHandler());
            assertEquals(300, vcpu.apicId());
            // Bits 39:32 of the address are reserved from now on; a guest that sets them gets no route.
            assertNull(vm.allocateMsiRoute(1L << 32 | 0xFEE0_0000L, 0x40));
            assertNotNull(vm.allocateMsiRoute(1L << 40 | 0xFEE0_0000L, 0x40));
        }
    }
}
