// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.pci.PciIdentity;

/**
 * What a virtio device calls itself on PCI (virtio 1.3 §4.1.2). Drivers for Windows are matched by all of it: by
 * {@code VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01} for a block device.
 */
final class VirtioPciIdentity {

    private static final int VENDOR_ID = 0x1af4;
    private static final int MODERN_DEVICE_ID_BASE = 0x1040;
    // Revision 1 and a subsystem id from 0x40 on say that there is no legacy interface (§4.1.2.1).
    private static final int REVISION = 1;
    private static final int SUBSYSTEM_ID = 0x1100;

    private static final int CLASS_STORAGE_SCSI = 0x010000;
    private static final int CLASS_STORAGE_OTHER = 0x018000;
    private static final int CLASS_NETWORK_ETHERNET = 0x020000;
    private static final int CLASS_DISPLAY_OTHER = 0x038000;
    private static final int CLASS_COMMUNICATION_OTHER = 0x078000;
    private static final int CLASS_INPUT_OTHER = 0x098000;
    private static final int CLASS_UNCLASSIFIED = 0x00ff00;

    private VirtioPciIdentity() {
    }

    static PciIdentity of(int virtioDeviceId) {
        return new PciIdentity(VENDOR_ID, MODERN_DEVICE_ID_BASE + virtioDeviceId, REVISION, classCode(virtioDeviceId),
                VENDOR_ID, SUBSYSTEM_ID);
    }

    /** By the device ids of §5. */
    private static int classCode(int virtioDeviceId) {
        return switch (virtioDeviceId) {
            case 1 -> CLASS_NETWORK_ETHERNET;
            case 2, 8 -> CLASS_STORAGE_SCSI;
            case 3, 19 -> CLASS_COMMUNICATION_OTHER;
            case 16 -> CLASS_DISPLAY_OTHER;
            case 18 -> CLASS_INPUT_OTHER;
            case 26 -> CLASS_STORAGE_OTHER;
            default -> CLASS_UNCLASSIFIED;
        };
    }
}
