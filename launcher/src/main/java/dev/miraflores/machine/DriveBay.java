// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.block.VirtioBlockDevice;

/**
 * A disk of a machine, and where it sits.
 * <p>Thread: any.
 */
final class DriveBay {

    private final String id;
    private final VirtioBlockDevice device;
    private final PciAttachment attachment;
    private DriveRemoval removal;

    /** @param attachment null for a disk that is not on PCI, and so stays */
    DriveBay(String id, VirtioBlockDevice device, PciAttachment attachment) {
        this.id = id;
        this.device = device;
        this.attachment = attachment;
    }

    String id() {
        return id;
    }

    VirtioBlockDevice device() {
        return device;
    }

    PciAttachment attachment() {
        return attachment;
    }

    /** Its removal, which begins with this call if there is none yet. */
    synchronized DriveRemoval removal(DriveBays bays, DriveRemoval.State first) {
        if (removal == null) {
            removal = new DriveRemoval(bays, this, first);
        }
        return removal;
    }
}
