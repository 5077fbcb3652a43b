// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/**
 * The common configuration structure of virtio-pci (virtio 1.3 §4.1.4.3). Little-endian; each field is accessed in its
 * own width, a le64 as two le32.
 * <pre>  0x00  le32  device_feature_select   written by the driver
 *   0x04  le32  device_feature
 *   0x08  le32  driver_feature_select   written by the driver
 *   0x0c  le32  driver_feature          written by the driver
 *   0x10  le16  config_msix_vector      written by the driver
 *   0x12  le16  num_queues
 *   0x14  u8    device_status           written by the driver
 *   0x15  u8    config_generation
 *   0x16  le16  queue_select            written by the driver; what follows is the selected queue's
 *   0x18  le16  queue_size              written by the driver
 *   0x1a  le16  queue_msix_vector       written by the driver
 *   0x1c  le16  queue_enable            written by the driver
 *   0x1e  le16  queue_notify_off
 *   0x20  le64  queue_desc              written by the driver
 *   0x28  le64  queue_driver            written by the driver
 *   0x30  le64  queue_device            written by the driver
 *   0x38  le16  queue_notif_config_data not used
 *   0x3a  le16  queue_reset             not used
 *   0x3c  le16  admin_queue_index       not used
 *   0x3e  le16  admin_queue_num         not used </pre>
 */
final class PciCommonConfigLayout {

    static final int BYTES = 0x40;
    static final int DEVICE_FEATURE_SELECT = 0x00;
    static final int DEVICE_FEATURE = 0x04;
    static final int DRIVER_FEATURE_SELECT = 0x08;
    static final int DRIVER_FEATURE = 0x0c;
    static final int CONFIG_MSIX_VECTOR = 0x10;
    static final int NUM_QUEUES = 0x12;
    static final int DEVICE_STATUS = 0x14;
    static final int CONFIG_GENERATION = 0x15;
    static final int QUEUE_SELECT = 0x16;
    static final int QUEUE_SIZE = 0x18;
    static final int QUEUE_MSIX_VECTOR = 0x1a;
    static final int QUEUE_ENABLE = 0x1c;
    static final int QUEUE_NOTIFY_OFF = 0x1e;
    static final int QUEUE_DESC = 0x20;
    static final int QUEUE_DRIVER = 0x28;
    static final int QUEUE_DEVICE = 0x30;

    private PciCommonConfigLayout() {
    }

    /** The width of the field at {@code offset}, in bytes; 0 where none begins. The halves of a le64 count as le32. */
    static int fieldByteSize(int offset) {
        return switch (offset) {
            case DEVICE_STATUS, CONFIG_GENERATION -> 1;
            case CONFIG_MSIX_VECTOR, NUM_QUEUES, QUEUE_SELECT, QUEUE_SIZE, QUEUE_MSIX_VECTOR, QUEUE_ENABLE,
                 QUEUE_NOTIFY_OFF -> 2;
            case DEVICE_FEATURE_SELECT, DEVICE_FEATURE, DRIVER_FEATURE_SELECT, DRIVER_FEATURE, QUEUE_DESC,
                 QUEUE_DESC + 4, QUEUE_DRIVER, QUEUE_DRIVER + 4, QUEUE_DEVICE, QUEUE_DEVICE + 4 -> 4;
            default -> 0;
        };
    }
}
