// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_ioeventfd;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_irqfd;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_msi;
import dev.miraflores.linux.EventFd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The structures behind a VM's interrupts and doorbells.
 * <p>Source: KVM API §4.59 (KVM_IOEVENTFD), §4.71 (KVM_SIGNAL_MSI), §4.75 (KVM_IRQFD).
 */
final class EventBindings {

    private EventBindings() {}

    /** Connects {@code event} to {@code gsi}, or ends that where the flags say so: 0 or −errno. */
    static int irqFd(Vm vm, EventFd event, int gsi, int flags, int resampleFd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment irqfd = arena.allocate(kvm_irqfd.sizeof, Long.BYTES);
            irqfd.set(ValueLayout.JAVA_INT, kvm_irqfd.fd, event.number());
            irqfd.set(ValueLayout.JAVA_INT, kvm_irqfd.gsi, gsi);
            irqfd.set(ValueLayout.JAVA_INT, kvm_irqfd.flags, flags);
            irqfd.set(ValueLayout.JAVA_INT, kvm_irqfd.resamplefd, resampleFd);
            return vm.ioctl(kvm_abi.KVM_IRQFD, irqfd);
        }
    }

    /** Lets writes signal {@code event}, or ends that where the flags say so: 0 or −errno. */
    static int ioEventFd(Vm vm, EventFd event, long address, int byteSize, long datamatch, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ioeventfd = arena.allocate(kvm_ioeventfd.sizeof, Long.BYTES);
            ioeventfd.set(ValueLayout.JAVA_LONG, kvm_ioeventfd.datamatch, datamatch);
            ioeventfd.set(ValueLayout.JAVA_LONG, kvm_ioeventfd.addr, address);
            ioeventfd.set(ValueLayout.JAVA_INT, kvm_ioeventfd.len, byteSize);
            ioeventfd.set(ValueLayout.JAVA_INT, kvm_ioeventfd.fd, event.number());
            ioeventfd.set(ValueLayout.JAVA_INT, kvm_ioeventfd.flags, flags);
            return vm.ioctl(kvm_abi.KVM_IOEVENTFD, ioeventfd);
        }
    }

    /** Sends a message once: more than 0 when it was delivered, 0 when the guest blocks it, or −errno. */
    static int signalMsi(Vm vm, long address, int data) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment msi = arena.allocate(kvm_msi.sizeof, Long.BYTES);
            msi.set(ValueLayout.JAVA_INT, kvm_msi.address_lo, (int) address);
            msi.set(ValueLayout.JAVA_INT, kvm_msi.address_hi, (int) (address >>> 32));
            msi.set(ValueLayout.JAVA_INT, kvm_msi.data, data);
            return vm.ioctl(kvm_abi.KVM_SIGNAL_MSI, msi);
        }
    }
}
