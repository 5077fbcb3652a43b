// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_fpu;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_lapic_state;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_mp_state;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_regs;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_sregs;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_translation;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Ioctl;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One virtual CPU: its registers, and the thread that runs it ({@link VcpuLoop}).
 * <p>Thread: registers, any thread while the vCPU is out of the guest, that is before {@link Vm#start}, while
 * {@link Vm#pause} holds it, after it has ended, and always its own thread; otherwise {@link IllegalStateException}.
 * {@code kick}, any thread at any time.
 * <p>Lifetime: made by {@link Vm#createVcpu}, ended by closing the {@link Vm}.
 * <p>Source: KVM API §4.11 to §4.14, §4.18, §4.38, §4.57.
 */
public final class Vcpu {
    /** What {@link #translate} answers for an address that no page is mapped at. */
    public static final long NOT_MAPPED = -1;

    // Local vector table entries of a LAPIC (Intel SDM vol. 3, §11.5.1): offsets, delivery modes in bits 10:8.
    private static final long LVT_LINT0 = 0x350;
    private static final long LVT_LINT1 = 0x360;
    private static final int DELIVER_NMI = 4 << 8;
    private static final int DELIVER_EXTINT = 7 << 8;

    private final Vm vm;
    private final int cpu;
    private final int apicId;
    private final Fd fd;
    private final Mapping mapping;
    private final VcpuLoop loop;
    private boolean closed;

    Vcpu(Vm vm, int cpu, int apicId, Fd fd, Mapping mapping, ExitHandler handler) {
        this.vm = vm;
        this.cpu = cpu;
        this.apicId = apicId;
        this.fd = fd;
        this.mapping = mapping;
        this.loop = new VcpuLoop(this, fd.number(), new VcpuRun(mapping.segment()), handler);
    }

    /** Its number in the VM, from 0. */
    public int cpu() {
        return cpu;
    }

    /** Its local APIC's id. */
    public int apicId() {
        return apicId;
    }

    Vm vm() {
        return vm;
    }

    VcpuLoop loop() {
        return loop;
    }

    /**
     * Calls the vCPU out of the guest for a moment. An access that the guest has under way is finished by then. Does
     * nothing where it is not in the guest; a system call that its {@link ExitHandler} makes may return −EINTR.
     */
    public void kick() {
        loop.kick();
    }

    /** How often it has left the guest for that reason ({@code KVM_EXIT_…}); a moment's value, no more. */
    public long exits(int reason) {
        return loop.exits(reason);
    }

    /** The kernel's id of its thread; 0 while that does not run. */
    public int threadId() {
        return loop.threadId();
    }

    /** Called by the gate, which holds the vCPU's thread. */
    void parked(boolean parked) {
        loop.parked(parked);
    }

    /** A copy of the general registers. */
    public synchronized Registers registers() {
        Registers registers = new Registers();
        get("KVM_GET_REGS", kvm_abi.KVM_GET_REGS, kvm_regs.sizeof, registers.segment());
        return registers;
    }

    /** Replaces the general registers. */
    public synchronized void setRegisters(Registers registers) {
        set("KVM_SET_REGS", kvm_abi.KVM_SET_REGS, kvm_regs.sizeof, registers.segment());
    }

    /** A copy of the control registers, segments and tables. */
    public synchronized SpecialRegisters specialRegisters() {
        SpecialRegisters registers = new SpecialRegisters();
        get("KVM_GET_SREGS", kvm_abi.KVM_GET_SREGS, kvm_sregs.sizeof, registers.segment());
        return registers;
    }

    /** Replaces the control registers, segments and tables. */
    public synchronized void setSpecialRegisters(SpecialRegisters registers) {
        set("KVM_SET_SREGS", kvm_abi.KVM_SET_SREGS, kvm_sregs.sizeof, registers.segment());
    }

    /** A copy of the x87 registers. */
    public synchronized FloatingPointRegisters floatingPointRegisters() {
        FloatingPointRegisters registers = new FloatingPointRegisters();
        get("KVM_GET_FPU", kvm_abi.KVM_GET_FPU, kvm_fpu.sizeof, registers.segment());
        return registers;
    }

    /** Replaces the x87 registers. */
    public synchronized void setFloatingPointRegisters(FloatingPointRegisters registers) {
        set("KVM_SET_FPU", kvm_abi.KVM_SET_FPU, kvm_fpu.sizeof, registers.segment());
    }

    /** Whether it runs, halts, or waits to be started. */
    public synchronized MultiprocessingState multiprocessingState() {
        MemorySegment state = MemorySegment.ofArray(new int[1]);
        get("KVM_GET_MP_STATE", kvm_abi.KVM_GET_MP_STATE, kvm_mp_state.sizeof, state);
        return MultiprocessingState.ofKvm(state.get(ValueLayout.JAVA_INT, kvm_mp_state.mp_state));
    }

    /** Lets it run, halt, or wait to be started. */
    public synchronized void setMultiprocessingState(MultiprocessingState value) {
        MemorySegment state = MemorySegment.ofArray(new int[] {value.kvmValue()});
        set("KVM_SET_MP_STATE", kvm_abi.KVM_SET_MP_STATE, kvm_mp_state.sizeof, state);
    }

    /** What CPUID answers; to be set before the first start, and before MSRs, some of which depend on it. */
    public synchronized void setCpuid(CpuidTable cpuid) {
        try (Arena arena = Arena.ofConfined()) {
            check("KVM_SET_CPUID2(entries=" + cpuid.size() + ")", ioctl(kvm_abi.KVM_SET_CPUID2, cpuid.toNative(arena)));
        }
    }

    /**
     * Sets model-specific registers.
     *
     * @throws IllegalArgumentException where KVM does not take one of them, naming it
     */
    public synchronized void setMsrs(MsrList msrs) {
        try (Arena arena = Arena.ofConfined()) {
            int done = check("KVM_SET_MSRS", ioctl(kvm_abi.KVM_SET_MSRS, msrs.toNative(arena)));
            if (done < msrs.size()) {
                throw new IllegalArgumentException("KVM_SET_MSRS(" + describe() + ") refused " + msrs.describe(done));
            }
        }
    }

    /**
     * Reads a model-specific register.
     *
     * @throws IllegalArgumentException where KVM does not know it
     */
    public synchronized long msr(int index) {
        MsrList list = new MsrList().add(index, 0);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment msrs = list.toNative(arena);
            int done = check("KVM_GET_MSRS", ioctl(kvm_abi.KVM_GET_MSRS, msrs));
            if (done < 1) {
                throw new IllegalArgumentException("KVM_GET_MSRS(" + describe() + ") refused " + list.describe(0));
            }
            return MsrList.value(msrs, 0);
        }
    }

    /**
     * Wires the local interrupt pins as firmware does on the CPU that boots: the PIC's output to LINT0, NMI to LINT1.
     * Needs the interrupt controllers in the kernel.
     */
    public synchronized void setLocalInterrupts() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment lapic = arena.allocate(kvm_lapic_state.sizeof, Long.BYTES);
            check("KVM_GET_LAPIC", ioctl(kvm_abi.KVM_GET_LAPIC, lapic));
            lapic.set(ValueLayout.JAVA_INT, LVT_LINT0, DELIVER_EXTINT);
            lapic.set(ValueLayout.JAVA_INT, LVT_LINT1, DELIVER_NMI);
            check("KVM_SET_LAPIC", ioctl(kvm_abi.KVM_SET_LAPIC, lapic));
        }
    }

    /** The guest-physical address of a linear one through the guest's page tables, or {@link #NOT_MAPPED}. */
    public synchronized long translate(long linearAddress) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment translation = arena.allocate(kvm_translation.sizeof, Long.BYTES);
            translation.set(ValueLayout.JAVA_LONG, kvm_translation.linear_address, linearAddress);
            boolean valid = ioctl(kvm_abi.KVM_TRANSLATE, translation) >= 0
                    && translation.get(ValueLayout.JAVA_BYTE, kvm_translation.valid) != 0;
            return valid ? translation.get(ValueLayout.JAVA_LONG, kvm_translation.physical_address) : NOT_MAPPED;
        }
    }

    /** Tells a guest with a paravirtual clock that its CPU was held, lest its watchdog takes it for a lockup. */
    void announcePause() {
        // −EINVAL where the guest uses no such clock.
        Ioctl.call(fd.number(), kvm_abi.KVM_KVMCLOCK_CTRL, 0);
    }

    private void get(String call, long request, long byteSize, MemorySegment into) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(byteSize, Long.BYTES);
            check(call, ioctl(request, struct));
            MemorySegment.copy(struct, 0, into, 0, byteSize);
        }
    }

    private void set(String call, long request, long byteSize, MemorySegment from) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(byteSize, Long.BYTES);
            MemorySegment.copy(from, 0, struct, 0, byteSize);
            check(call, ioctl(request, struct));
        }
    }

    /** What KVM answers; on the vCPU's descriptor, and only while it is out of the guest. */
    int ioctl(long request, MemorySegment struct) {
        // KVM makes register ioctls wait while the vCPU is in the guest, which may be for ever.
        if (loop.isRunning() && !loop.isOwnThread()) {
            throw new IllegalStateException(describe() + " is running; pause the VM first");
        }
        return Ioctl.call(fd.number(), request, struct);
    }

    private int check(String call, int rc) {
        if (rc < 0) {
            throw new ErrnoException(call + "(" + describe() + ")", -rc);
        }
        return rc;
    }

    String describe() {
        return "vcpu=" + cpu;
    }

    /** Called by the VM when the thread has ended. */
    synchronized void close() {
        if (!closed) {
            closed = true;
            loop.retire();
            mapping.close();
            fd.close();
        }
    }
}
