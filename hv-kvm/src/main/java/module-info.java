// SPDX-License-Identifier: Apache-2.0

/** KVM: virtual machines, vCPUs, interrupts, and what a guest is booted with. Knows nothing of devices. */
module dev.miraflores.kvm {
    requires transitive dev.miraflores.memory;
    requires static jdk.jfr;

    exports dev.miraflores.kvm;
    exports dev.miraflores.kvm.acpi;
    exports dev.miraflores.kvm.boot;
}
