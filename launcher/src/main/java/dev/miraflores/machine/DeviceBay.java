// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/**
 * A device of a machine, and where it sits.
 * <p>Thread: any.
 */
final class DeviceBay {

    private final BayDevice device;
    private final PciAttachment attachment;
    private DeviceRemoval removal;

    /** @param attachment null for one that is not on PCI, and so stays */
    DeviceBay(BayDevice device, PciAttachment attachment) {
        this.device = device;
        this.attachment = attachment;
    }

    String id() {
        return device.id();
    }

    BayDevice device() {
        return device;
    }

    PciAttachment attachment() {
        return attachment;
    }

    /** Whether the guest was asked for it and still has it. */
    synchronized boolean isAskedFor() {
        return removal != null
                && (removal.state() == DeviceRemoval.State.ASKED || removal.state() == DeviceRemoval.State.UNANSWERED);
    }

    /** Lets no one wait for its removal any more. */
    synchronized void machineClosed() {
        if (removal != null) {
            removal.machineClosed();
        }
    }

    /** Its removal, which begins with this call if there is none yet. */
    synchronized DeviceRemoval removal(DeviceBays bays, DeviceRemoval.State first) {
        if (removal == null) {
            removal = new DeviceRemoval(bays, this, first);
        }
        return removal;
    }
}
