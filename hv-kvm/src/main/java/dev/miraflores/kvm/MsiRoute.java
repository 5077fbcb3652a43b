// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * A GSI of its own that leads to a message-signalled interrupt.
 * <p>Thread: any.
 * <p>Lifetime: until {@link #close} or the VM's end. An {@link IrqFd} on it is closed before.
 * <p>Source: KVM API §4.52 (KVM_SET_GSI_ROUTING).
 */
public final class MsiRoute implements AutoCloseable {
    private final GsiRouting routing;
    private final int gsi;
    private boolean closed;

    MsiRoute(GsiRouting routing, int gsi) {
        this.routing = routing;
        this.gsi = gsi;
    }

    /** The GSI. */
    public int gsi() {
        return gsi;
    }

    /**
     * Changes the message.
     *
     * @return false where KVM takes no such message, which a guest can cause, or the route is closed; it is then as
     *     before
     */
    public synchronized boolean set(long address, int data) {
        return !closed && routing.change(gsi, address, data);
    }

    /** Frees the GSI. Once more does nothing. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            routing.free(gsi);
        }
    }
}
