// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_run;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Exits that no guest here can cause, from a kvm_run that is filled in by hand (KVM API §5). */
@KvmTest
class RareExitTest {
    private final RecordingHandler handler = new RecordingHandler(0x0706_0504_0302_0100L, 0x8988, 0x8A);
    private final MemorySegment run = MemorySegment.ofArray(new long[(int) kvm_run.sizeof / Long.BYTES]);
    private TinyGuest guest;
    private VcpuLoop loop;

    @BeforeEach
    void create() {
        guest = TinyGuest.realMode(handler, "f4  hlt");
        loop = new VcpuLoop(guest.vcpu(), -1, new VcpuRun(run), handler);
    }

    @AfterEach
    void close() {
        guest.close();
    }

    private boolean handle(int reason) {
        run.set(ValueLayout.JAVA_INT, kvm_run.exit_reason, reason);
        return loop.handle(reason);
    }

    private String headlineOfCrash() {
        return assertInstanceOf(StopCause.GuestCrash.class, guest.vm().stopCause()).report().headline();
    }

    private void systemEvent(int type) {
        run.set(ValueLayout.JAVA_INT, kvm_run.system_event_type, type);
        assertFalse(handle(kvm_abi.KVM_EXIT_SYSTEM_EVENT));
    }

    @Test
    void shouldPowerOffOnSystemEvent() {
        systemEvent(kvm_abi.KVM_SYSTEM_EVENT_SHUTDOWN);
        assertEquals(new StopCause.PowerOff(), guest.vm().stopCause());
    }

    @Test
    void shouldResetOnSystemEvent() {
        systemEvent(kvm_abi.KVM_SYSTEM_EVENT_RESET);
        assertEquals(new StopCause.Reset(true), guest.vm().stopCause());
    }

    @Test
    void shouldReportCrashOnSystemEvent() {
        systemEvent(kvm_abi.KVM_SYSTEM_EVENT_CRASH);
        assertEquals("vCPU 0: KVM_EXIT_SYSTEM_EVENT, KVM_SYSTEM_EVENT_CRASH", headlineOfCrash());
    }

    @Test
    void shouldRefuseRegistersThatKvmLeavesToUs() {
        for (int reason : new int[] {kvm_abi.KVM_EXIT_X86_RDMSR, kvm_abi.KVM_EXIT_X86_WRMSR}) {
            run.fill((byte) 0);
            assertTrue(handle(reason));
            assertEquals(1, run.get(ValueLayout.JAVA_BYTE, kvm_run.msr_error));
        }
    }

    @Test
    void shouldKnowNoHypercall() {
        assertTrue(handle(kvm_abi.KVM_EXIT_HYPERCALL));
        assertEquals(-1000, run.get(ValueLayout.JAVA_LONG, kvm_run.hypercall_ret)); // -KVM_ENOSYS
    }

    @Test
    void shouldGoOnAfterExitsThatAskForNothing() {
        for (int reason : new int[] {
            kvm_abi.KVM_EXIT_INTR, kvm_abi.KVM_EXIT_IRQ_WINDOW_OPEN, kvm_abi.KVM_EXIT_NMI, kvm_abi.KVM_EXIT_SET_TPR,
            kvm_abi.KVM_EXIT_TPR_ACCESS, kvm_abi.KVM_EXIT_IOAPIC_EOI, kvm_abi.KVM_EXIT_X86_BUS_LOCK,
            kvm_abi.KVM_EXIT_NOTIFY
        }) {
            assertTrue(handle(reason), ExitReason.name(reason));
        }
        assertNull(guest.vm().stopCause());
    }

    @Test
    void shouldStopWhenANotificationSaysThatTheStateIsLost() {
        run.set(ValueLayout.JAVA_INT, kvm_run.notify_flags, kvm_abi.KVM_NOTIFY_CONTEXT_INVALID);
        assertFalse(handle(kvm_abi.KVM_EXIT_NOTIFY));
        assertEquals("vCPU 0: KVM_EXIT_NOTIFY", headlineOfCrash());
    }

    @Test
    void shouldReportFailedEntryWithItsReasonAndCpu() {
        run.set(ValueLayout.JAVA_LONG, kvm_run.fail_entry_hardware_entry_failure_reason, 0x8000_0021L);
        run.set(ValueLayout.JAVA_INT, kvm_run.fail_entry_cpu, 7);
        assertFalse(handle(kvm_abi.KVM_EXIT_FAIL_ENTRY));
        assertEquals("vCPU 0: KVM_EXIT_FAIL_ENTRY, reason 0x80000021, on host CPU 7", headlineOfCrash());
    }

    @Test
    void shouldReportTheInstructionThatKvmNames() {
        run.set(ValueLayout.JAVA_INT, kvm_run.internal_suberror, kvm_abi.KVM_INTERNAL_ERROR_EMULATION);
        run.set(ValueLayout.JAVA_INT, kvm_run.internal_ndata, 3);
        run.set(ValueLayout.JAVA_LONG, kvm_run.emulation_failure_flags,
                kvm_abi.KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);
        run.set(ValueLayout.JAVA_BYTE, kvm_run.emulation_failure_insn_size, (byte) 3);
        MemorySegment.copy(new byte[] {0x0F, 0x01, (byte) 0xD0}, 0, run, ValueLayout.JAVA_BYTE,
                kvm_run.emulation_failure_insn_bytes, 3);
        assertFalse(handle(kvm_abi.KVM_EXIT_INTERNAL_ERROR));
        assertTrue(
                headlineOfCrash().startsWith("vCPU 0: KVM_EXIT_INTERNAL_ERROR, KVM_INTERNAL_ERROR_EMULATION (1),"
                        + " instruction bytes 0f 01 d0, data 0x1 "),
                headlineOfCrash());
    }

    @Test
    void shouldReportReasonsThatNothingSwitchesOn() {
        assertFalse(handle(kvm_abi.KVM_EXIT_DEBUG));
        assertEquals("vCPU 0: KVM_EXIT_DEBUG", headlineOfCrash());
    }

    @Test
    void shouldReportReasonsOfLaterKernelsByNumber() {
        assertFalse(handle(1000));
        assertEquals("vCPU 0: KVM exit reason 1000", headlineOfCrash());
    }

    /** Seven bytes up to the end of a page. */
    @Test
    void shouldCutOddAccessesIntoAlignedPieces() {
        run.set(ValueLayout.JAVA_LONG, kvm_run.mmio_phys_addr, 0xFFFF_FFFF_FFFF_FFF9L);
        run.set(ValueLayout.JAVA_INT, kvm_run.mmio_len, 7);
        assertTrue(handle(kvm_abi.KVM_EXIT_MMIO));
        assertEquals(
                List.of("read 0xfffffffffffffff9/1", "read 0xfffffffffffffffa/2", "read 0xfffffffffffffffc/4"),
                handler.accesses());
        assertEquals(0x00_0000_008A_8988_00L, run.get(ValueLayout.JAVA_LONG, kvm_run.mmio_data));
    }

    @Test
    void shouldNameEveryReasonOfX86() {
        for (int reason : new int[] {
            kvm_abi.KVM_EXIT_UNKNOWN, kvm_abi.KVM_EXIT_EXCEPTION, kvm_abi.KVM_EXIT_IO, kvm_abi.KVM_EXIT_HLT,
            kvm_abi.KVM_EXIT_MMIO, kvm_abi.KVM_EXIT_SHUTDOWN, kvm_abi.KVM_EXIT_HYPERV, kvm_abi.KVM_EXIT_WATCHDOG,
            kvm_abi.KVM_EXIT_DIRTY_RING_FULL, kvm_abi.KVM_EXIT_AP_RESET_HOLD
        }) {
            assertTrue(ExitReason.name(reason).startsWith("KVM_EXIT_"));
        }
    }
}
