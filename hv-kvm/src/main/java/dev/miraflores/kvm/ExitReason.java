// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;

/**
 * The names of exit reasons and of what comes with them, for reports. Numbers are those of {@code linux/kvm.h}.
 * <p>Source: KVM API §5 (the kvm_run structure).
 */
public final class ExitReason {
    /** Exit reasons are below this; later kernels may know more of them than this program. */
    public static final int COUNT = 64;

    private ExitReason() {}

    /** The kernel's name of an exit reason, or its number where it has none here. */
    public static String name(int reason) {
        return switch (reason) {
            case kvm_abi.KVM_EXIT_UNKNOWN -> "KVM_EXIT_UNKNOWN";
            case kvm_abi.KVM_EXIT_EXCEPTION -> "KVM_EXIT_EXCEPTION";
            case kvm_abi.KVM_EXIT_IO -> "KVM_EXIT_IO";
            case kvm_abi.KVM_EXIT_HYPERCALL -> "KVM_EXIT_HYPERCALL";
            case kvm_abi.KVM_EXIT_DEBUG -> "KVM_EXIT_DEBUG";
            case kvm_abi.KVM_EXIT_HLT -> "KVM_EXIT_HLT";
            case kvm_abi.KVM_EXIT_MMIO -> "KVM_EXIT_MMIO";
            case kvm_abi.KVM_EXIT_IRQ_WINDOW_OPEN -> "KVM_EXIT_IRQ_WINDOW_OPEN";
            case kvm_abi.KVM_EXIT_SHUTDOWN -> "KVM_EXIT_SHUTDOWN";
            case kvm_abi.KVM_EXIT_FAIL_ENTRY -> "KVM_EXIT_FAIL_ENTRY";
            case kvm_abi.KVM_EXIT_INTR -> "KVM_EXIT_INTR";
            case kvm_abi.KVM_EXIT_SET_TPR -> "KVM_EXIT_SET_TPR";
            case kvm_abi.KVM_EXIT_TPR_ACCESS -> "KVM_EXIT_TPR_ACCESS";
            case kvm_abi.KVM_EXIT_NMI -> "KVM_EXIT_NMI";
            case kvm_abi.KVM_EXIT_INTERNAL_ERROR -> "KVM_EXIT_INTERNAL_ERROR";
            case kvm_abi.KVM_EXIT_WATCHDOG -> "KVM_EXIT_WATCHDOG";
            case kvm_abi.KVM_EXIT_SYSTEM_EVENT -> "KVM_EXIT_SYSTEM_EVENT";
            case kvm_abi.KVM_EXIT_IOAPIC_EOI -> "KVM_EXIT_IOAPIC_EOI";
            case kvm_abi.KVM_EXIT_HYPERV -> "KVM_EXIT_HYPERV";
            case kvm_abi.KVM_EXIT_X86_RDMSR -> "KVM_EXIT_X86_RDMSR";
            case kvm_abi.KVM_EXIT_X86_WRMSR -> "KVM_EXIT_X86_WRMSR";
            case kvm_abi.KVM_EXIT_DIRTY_RING_FULL -> "KVM_EXIT_DIRTY_RING_FULL";
            case kvm_abi.KVM_EXIT_AP_RESET_HOLD -> "KVM_EXIT_AP_RESET_HOLD";
            case kvm_abi.KVM_EXIT_X86_BUS_LOCK -> "KVM_EXIT_X86_BUS_LOCK";
            case kvm_abi.KVM_EXIT_NOTIFY -> "KVM_EXIT_NOTIFY";
            default -> "KVM exit reason " + reason;
        };
    }

    /** The kernel's name of an internal error's kind. */
    static String internalErrorName(int suberror) {
        return switch (suberror) {
            case kvm_abi.KVM_INTERNAL_ERROR_EMULATION -> "KVM_INTERNAL_ERROR_EMULATION";
            case kvm_abi.KVM_INTERNAL_ERROR_SIMUL_EX -> "KVM_INTERNAL_ERROR_SIMUL_EX";
            case kvm_abi.KVM_INTERNAL_ERROR_DELIVERY_EV -> "KVM_INTERNAL_ERROR_DELIVERY_EV";
            case kvm_abi.KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON -> "KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON";
            default -> "suberror";
        };
    }

    /** The kernel's name of a system event's kind. */
    static String systemEventName(int type) {
        return switch (type) {
            case kvm_abi.KVM_SYSTEM_EVENT_SHUTDOWN -> "KVM_SYSTEM_EVENT_SHUTDOWN";
            case kvm_abi.KVM_SYSTEM_EVENT_RESET -> "KVM_SYSTEM_EVENT_RESET";
            case kvm_abi.KVM_SYSTEM_EVENT_CRASH -> "KVM_SYSTEM_EVENT_CRASH";
            case kvm_abi.KVM_SYSTEM_EVENT_WAKEUP -> "KVM_SYSTEM_EVENT_WAKEUP";
            case kvm_abi.KVM_SYSTEM_EVENT_SUSPEND -> "KVM_SYSTEM_EVENT_SUSPEND";
            case kvm_abi.KVM_SYSTEM_EVENT_SEV_TERM -> "KVM_SYSTEM_EVENT_SEV_TERM";
            default -> "system event " + type;
        };
    }
}
