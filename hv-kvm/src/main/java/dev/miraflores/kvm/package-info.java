// SPDX-License-Identifier: Apache-2.0

/**
 * Virtual machines on the kernel's KVM. Start at {@link dev.miraflores.kvm.Kvm}, which makes a
 * {@link dev.miraflores.kvm.Vm}, which makes {@link dev.miraflores.kvm.Vcpu}s.
 * <p>Each vCPU has a thread of its own, which is in the guest but for the moments in which an
 * {@link dev.miraflores.kvm.ExitHandler} answers an access to a device. How those threads are paused and stopped
 * without a race stands in {@link dev.miraflores.kvm.VcpuLoop}; the states of a VM in {@link dev.miraflores.kvm.RunGate}.
 * <p>The guest is not trusted: whatever it does ends in an access to a handler, in a
 * {@link dev.miraflores.kvm.StopCause}, or in KVM. KVM is trusted, and so is what it writes into {@code kvm_run}.
 * <p>Source: Linux, Documentation/virt/kvm/api.rst, here "KVM API".
 * <p>Left out: devices, which the caller brings; what a guest is booted with, in {@code dev.miraflores.kvm.boot} and
 * {@code dev.miraflores.kvm.acpi}; machines other than x86-64.
 */
package dev.miraflores.kvm;
