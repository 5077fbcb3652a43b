// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;

/**
 * What a KVM may or may not have, as far as this program cares.
 * <p>Source: KVM API §4.4 (KVM_CHECK_EXTENSION).
 */
public enum KvmCapability {
    USER_MEMORY("KVM_CAP_USER_MEMORY", kvm_abi.KVM_CAP_USER_MEMORY, true, "guest memory"),
    IRQCHIP("KVM_CAP_IRQCHIP", kvm_abi.KVM_CAP_IRQCHIP, true, "interrupt controllers in the kernel"),
    PIT2("KVM_CAP_PIT2", kvm_abi.KVM_CAP_PIT2, true, "timer in the kernel"),
    SET_TSS_ADDR("KVM_CAP_SET_TSS_ADDR", kvm_abi.KVM_CAP_SET_TSS_ADDR, true, "real mode on older Intel hosts"),
    SET_IDENTITY_MAP_ADDR("KVM_CAP_SET_IDENTITY_MAP_ADDR", kvm_abi.KVM_CAP_SET_IDENTITY_MAP_ADDR, true,
            "real mode on older Intel hosts"),
    EXT_CPUID("KVM_CAP_EXT_CPUID", kvm_abi.KVM_CAP_EXT_CPUID, true, "the CPUID leaves of a guest"),
    MP_STATE("KVM_CAP_MP_STATE", kvm_abi.KVM_CAP_MP_STATE, true, "vCPUs that wait for their start-up IPI"),
    IRQ_ROUTING("KVM_CAP_IRQ_ROUTING", kvm_abi.KVM_CAP_IRQ_ROUTING, true, "message-signalled interrupts"),
    IRQFD("KVM_CAP_IRQFD", kvm_abi.KVM_CAP_IRQFD, true, "interrupts from I/O threads"),
    IOEVENTFD("KVM_CAP_IOEVENTFD", kvm_abi.KVM_CAP_IOEVENTFD, true, "doorbells that do not stop a vCPU"),
    IMMEDIATE_EXIT("KVM_CAP_IMMEDIATE_EXIT", kvm_abi.KVM_CAP_IMMEDIATE_EXIT, true, "pausing a vCPU without a race"),
    IOEVENTFD_ANY_LENGTH("KVM_CAP_IOEVENTFD_ANY_LENGTH", kvm_abi.KVM_CAP_IOEVENTFD_ANY_LENGTH, false,
            "doorbells of any width"),
    IRQFD_RESAMPLE("KVM_CAP_IRQFD_RESAMPLE", kvm_abi.KVM_CAP_IRQFD_RESAMPLE, false,
            "level-triggered interrupts from I/O threads"),
    SIGNAL_MSI("KVM_CAP_SIGNAL_MSI", kvm_abi.KVM_CAP_SIGNAL_MSI, false, "messages without a route"),
    TSC_DEADLINE_TIMER("KVM_CAP_TSC_DEADLINE_TIMER", kvm_abi.KVM_CAP_TSC_DEADLINE_TIMER, false,
            "the guest's cheapest timer"),
    X2APIC_API("KVM_CAP_X2APIC_API", kvm_abi.KVM_CAP_X2APIC_API, false, "more than 255 vCPUs"),
    KVMCLOCK_CTRL("KVM_CAP_KVMCLOCK_CTRL", kvm_abi.KVM_CAP_KVMCLOCK_CTRL, false,
            "telling the guest's watchdog of a pause"),
    INTERNAL_ERROR_DATA("KVM_CAP_INTERNAL_ERROR_DATA", kvm_abi.KVM_CAP_INTERNAL_ERROR_DATA, false,
            "reports of internal errors"),
    NR_MEMSLOTS("KVM_CAP_NR_MEMSLOTS", kvm_abi.KVM_CAP_NR_MEMSLOTS, false, "number of memory slots"),
    NR_VCPUS("KVM_CAP_NR_VCPUS", kvm_abi.KVM_CAP_NR_VCPUS, false, "vCPUs recommended at most"),
    MAX_VCPUS("KVM_CAP_MAX_VCPUS", kvm_abi.KVM_CAP_MAX_VCPUS, false, "vCPUs possible"),
    MAX_VCPU_ID("KVM_CAP_MAX_VCPU_ID", kvm_abi.KVM_CAP_MAX_VCPU_ID, false, "limit of APIC ids"),
    READONLY_MEM("KVM_CAP_READONLY_MEM", kvm_abi.KVM_CAP_READONLY_MEM, false, "ROM"),
    DIRTY_LOG_RING("KVM_CAP_DIRTY_LOG_RING", kvm_abi.KVM_CAP_DIRTY_LOG_RING, false, "dirty pages through a ring"),
    SPLIT_IRQCHIP("KVM_CAP_SPLIT_IRQCHIP", kvm_abi.KVM_CAP_SPLIT_IRQCHIP, false, "only the LAPIC in the kernel"),
    XSAVE("KVM_CAP_XSAVE", kvm_abi.KVM_CAP_XSAVE, false, "saving a vCPU's vector registers"),
    XSAVE2("KVM_CAP_XSAVE2", kvm_abi.KVM_CAP_XSAVE2, false, "saving a vCPU's largest registers"),
    NESTED_STATE("KVM_CAP_NESTED_STATE", kvm_abi.KVM_CAP_NESTED_STATE, false,
            "the reset of a guest that runs guests of its own");

    private final String kernelName;
    private final int number;
    private final boolean required;
    private final String purpose;

    KvmCapability(String kernelName, int number, boolean required, String purpose) {
        this.kernelName = kernelName;
        this.number = number;
        this.required = required;
        this.purpose = purpose;
    }

    /** The name in {@code linux/kvm.h}. */
    public String kernelName() {
        return kernelName;
    }

    /** The number in {@code linux/kvm.h}. */
    public int number() {
        return number;
    }

    /** Whether no virtual machine can be made without it. */
    public boolean required() {
        return required;
    }

    /** What it is for, in a few words. */
    public String purpose() {
        return purpose;
    }
}
