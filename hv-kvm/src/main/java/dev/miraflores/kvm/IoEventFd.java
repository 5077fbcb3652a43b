// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.linux.EventFd;

/**
 * A write by the guest that signals an eventfd and reaches no {@link ExitHandler}.
 * <p>Thread: any.
 * <p>Lifetime: until {@link #close} or the VM's end; the eventfd is the caller's, to close afterwards.
 * <p>Source: KVM API §4.59 (KVM_IOEVENTFD).
 */
public final class IoEventFd implements AutoCloseable {
    private final Vm vm;
    private final EventFd event;
    private final long address;
    private final int byteSize;
    private final long datamatch;
    private final int flags;
    private boolean closed;

    IoEventFd(Vm vm, EventFd event, long address, int byteSize, long datamatch, int flags) {
        this.vm = vm;
        this.event = event;
        this.address = address;
        this.byteSize = byteSize;
        this.datamatch = datamatch;
        this.flags = flags;
    }

    /** From now on the write reaches the {@link ExitHandler} again. Once more does nothing. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            vm.deassignIoEventFd(event, address, byteSize, datamatch, flags);
        }
    }
}
