// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.linux.EventFd;

/**
 * A GSI that a signal of an eventfd raises, without a thread in between. Edge-triggered, or level-triggered with a
 * second eventfd that says when the guest has acknowledged.
 * <p>Thread: any.
 * <p>Lifetime: until {@link #close} or the VM's end; the eventfds are the caller's, to close afterwards.
 * <p>Source: KVM API §4.75 (KVM_IRQFD).
 */
public final class IrqFd implements AutoCloseable {
    private final Vm vm;
    private final EventFd event;
    private final int gsi;
    private final MsiRoute route;
    private boolean closed;

    IrqFd(Vm vm, EventFd event, int gsi, MsiRoute route) {
        this.vm = vm;
        this.event = event;
        this.gsi = gsi;
        this.route = route;
    }

    /** The GSI that a signal raises. */
    public int gsi() {
        return gsi;
    }

    /** Ends the connection: later signals stay in the eventfd. Once more does nothing. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        vm.deassignIrqFd(event, gsi);
        if (route != null) {
            route.close();
        }
    }
}
