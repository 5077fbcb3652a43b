// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;

/**
 * Which ioctls machines make of KVM once they are set up, for whoever has the kernel refuse all others.
 * <p>Source: KVM API §4.
 */
public final class KvmIoctls {

    private KvmIoctls() {
    }

    /** All of them, the most frequent first. */
    public static int[] whileRunning() {
        return new int[] {
            kvm_abi.KVM_RUN, (int) kvm_abi.KVM_IRQ_LINE, (int) kvm_abi.KVM_SIGNAL_MSI, (int) kvm_abi.KVM_IRQFD,
            (int) kvm_abi.KVM_IOEVENTFD, (int) kvm_abi.KVM_SET_GSI_ROUTING, kvm_abi.KVM_KVMCLOCK_CTRL,
            // For reports of crashes, and whoever looks at a machine that is paused.
            (int) kvm_abi.KVM_GET_REGS, (int) kvm_abi.KVM_GET_SREGS, (int) kvm_abi.KVM_GET_FPU, (int) kvm_abi.KVM_GET_MSRS,
            (int) kvm_abi.KVM_GET_LAPIC, (int) kvm_abi.KVM_GET_MP_STATE, (int) kvm_abi.KVM_TRANSLATE,
            (int) kvm_abi.KVM_SET_REGS, (int) kvm_abi.KVM_SET_SREGS, (int) kvm_abi.KVM_SET_FPU, (int) kvm_abi.KVM_SET_MSRS,
            (int) kvm_abi.KVM_SET_LAPIC, (int) kvm_abi.KVM_SET_MP_STATE
        };
    }

    /** Those that a reset makes beside them, on a thread of its own. */
    public static int[] ofReset() {
        return new int[] {
            (int) kvm_abi.KVM_SET_VCPU_EVENTS, (int) kvm_abi.KVM_SET_DEBUGREGS, (int) kvm_abi.KVM_SET_XCRS,
            (int) kvm_abi.KVM_SET_XSAVE, (int) kvm_abi.KVM_SET_NESTED_STATE, (int) kvm_abi.KVM_SET_IRQCHIP,
            (int) kvm_abi.KVM_SET_PIT2
        };
    }

    /** Those that a device's thread makes, to interrupt a guest where no eventfd does. */
    public static int[] ofInterrupts() {
        return new int[] {(int) kvm_abi.KVM_IRQ_LINE, (int) kvm_abi.KVM_SIGNAL_MSI};
    }
}
