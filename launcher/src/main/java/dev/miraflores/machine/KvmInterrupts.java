// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.Doorbells;
import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.MsiController;
import dev.miraflores.kvm.IoEventFd;
import dev.miraflores.kvm.IrqFd;
import dev.miraflores.kvm.Vm;
import dev.miraflores.linux.EventFd;

/** What devices ask of their machine, as KVM gives it: lines, irqfds, ioeventfds. */
final class KvmInterrupts implements MsiController, Doorbells {

    private static final Binding NO_BINDING = () -> { };
    private static final Connection NO_CONNECTION = () -> { };

    private final Vm vm;

    KvmInterrupts(Vm vm) {
        this.vm = vm;
    }

    /** The wire to {@code gsi}. */
    InterruptLine line(int gsi) {
        return asserted -> vm.setIrqLine(gsi, asserted);
    }

    @Override
    public Connection connect(EventFd event, long address, int data) {
        // A message that KVM refuses is one that no processor would have taken: the guest's own loss.
        IrqFd irqFd = vm.assignMsi(event, address, data);
        return irqFd == null ? NO_CONNECTION : irqFd::close;
    }

    @Override
    public Binding bindMmio(long gpa, int byteSize, EventFd event) {
        return binding(vm.assignMmioEvent(event, gpa, byteSize));
    }

    @Override
    public Binding bindMmio(long gpa, int byteSize, long value, EventFd event) {
        return binding(vm.assignMmioEvent(event, gpa, byteSize, value));
    }

    /** Where KVM takes no doorbell the write comes as an exit, and the transport signals the event itself. */
    private static Binding binding(IoEventFd ioEventFd) {
        return ioEventFd == null ? NO_BINDING : ioEventFd::close;
    }
}
