// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.pci.PciRoot;
import dev.miraflores.devices.virtio.ResettableDevice;
import dev.miraflores.devices.virtio.VirtioPciTransport;

/**
 * A virtio device in a PCI slot.
 * <p>Thread: any.
 * <p>Lifetime: {@link #hide}, or no vCPU that runs, then {@link #close}.
 */
final class PciAttachment implements AutoCloseable {

    private final PciRoot pci;
    private final VirtioPciTransport transport;
    private final int slot;

    PciAttachment(PciRoot pci, VirtioPciTransport transport, int slot) {
        this.pci = pci;
        this.transport = transport;
        this.slot = slot;
    }

    int slot() {
        return slot;
    }

    /** The device, for a reset of the machine. */
    ResettableDevice device() {
        return transport;
    }

    /** Takes the device out of its slot: for the guest it is no longer there, whatever it may still be doing. */
    void hide() {
        pci.remove(transport.function());
    }

    /** As {@link #hide}, for a guest that did not agree: the registers still answer until {@link #forget}. */
    void vanish() {
        pci.vanish(transport.function());
    }

    /** Takes away what {@link #vanish} has left. */
    void forget() {
        pci.clear(slot);
    }

    /** Ends the device, once what it has in flight has finished. */
    @Override
    public void close() {
        transport.close();
    }
}
