// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_irqchip;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_pit_state2;
import dev.miraflores.kvm.jfr.FlightEvents;
import dev.miraflores.linux.ErrnoException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * What is in the kernel of a VM that has not run yet, its vCPUs and interrupt controllers, so that a reset can put it back: a
 * few tens of KiB for each vCPU.
 * <p>Of wires the kernel knows who pulls them: they are to be let go of by the devices before this is put back.
 * <p>Thread: one at a time; {@link #restore}, while {@link Vm#awaitHeld} holds the vCPUs.
 * <p>Source: KVM API §4.26 (KVM_SET_IRQCHIP), §4.72 (KVM_SET_PIT2).
 */
public final class PowerOnState {
    private static final int[] CHIPS = {
        kvm_abi.KVM_IRQCHIP_PIC_MASTER, kvm_abi.KVM_IRQCHIP_PIC_SLAVE, kvm_abi.KVM_IRQCHIP_IOAPIC
    };

    private final Vm vm;
    private final byte[][] chips = new byte[CHIPS.length][];
    private final byte[] pit;
    private final List<VcpuState> vcpus = new ArrayList<>();

    private PowerOnState(Kvm kvm, Vm vm) {
        this.vm = vm;
        for (int i = 0; i < CHIPS.length; i++) {
            chips[i] = get("KVM_GET_IRQCHIP", kvm_abi.KVM_GET_IRQCHIP, kvm_irqchip.sizeof, CHIPS[i]);
        }
        pit = get("KVM_GET_PIT2", kvm_abi.KVM_GET_PIT2, kvm_pit_state2.sizeof, 0);
        int xsaveBytes = kvm.capability(KvmCapability.XSAVE2);
        int nestedBytes = kvm.capability(KvmCapability.NESTED_STATE);
        MsrState first = null;
        for (Vcpu vcpu : vm.vcpus()) {
            MsrState msrs = first == null ? MsrState.of(vcpu, kvm.msrIndices()) : MsrState.of(vcpu, first);
            first = first == null ? msrs : first;
            vcpus.add(new VcpuState(vcpu, msrs, xsaveBytes, nestedBytes));
        }
    }

    /** As it is now: with its interrupt controllers and all vCPUs, and before its start. */
    public static PowerOnState of(Kvm kvm, Vm vm) {
        return new PowerOnState(kvm, vm);
    }

    /** @param chip what {@code struct kvm_irqchip} begins with; the other structures begin with what is overwritten */
    private byte[] get(String call, long request, long byteSize, int chip) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(byteSize, Long.BYTES);
            struct.set(ValueLayout.JAVA_INT, 0, chip);
            check(call, vm.ioctl(request, struct));
            return struct.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Puts it back. */
    public void restore() {
        FlightEvents.vm(vm.name(), "reset", null);
        // First, as it ticks until then: a tick would be pending in controllers that were put back before it.
        set("KVM_SET_PIT2", kvm_abi.KVM_SET_PIT2, pit);
        for (int i = 0; i < CHIPS.length; i++) {
            set("KVM_SET_IRQCHIP(" + CHIPS[i] + ")", kvm_abi.KVM_SET_IRQCHIP, chips[i]);
        }
        vm.resetRouting();
        for (Vcpu vcpu : vm.vcpus()) {
            vcpus.get(vcpu.cpu()).restore(vcpu);
        }
    }

    private void set(String call, long request, byte[] bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(bytes.length, Long.BYTES);
            MemorySegment.copy(bytes, 0, struct, ValueLayout.JAVA_BYTE, 0, bytes.length);
            check(call, vm.ioctl(request, struct));
        }
    }

    VcpuState vcpu(int cpu) {
        return vcpus.get(cpu);
    }

    byte[] chip(int index) {
        return chips[index].clone();
    }

    byte[] pit() {
        return pit.clone();
    }

    private static void check(String call, int rc) {
        if (rc < 0) {
            throw new ErrnoException(call, -rc);
        }
    }
}
