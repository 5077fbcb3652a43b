// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/**
 * Registers of virtio-mmio (virtio 1.3 §4.2.2). Little-endian, four bytes each; configuration follows in any width.
 * <pre>  0x000  R   MagicValue          0x070  RW  Status
 *   0x004  R   Version             0x080  W   QueueDescLow, QueueDescHigh
 *   0x008  R   DeviceID            0x090  W   QueueDriverLow, QueueDriverHigh
 *   0x00c  R   VendorID            0x0a0  W   QueueDeviceLow, QueueDeviceHigh
 *   0x010  R   DeviceFeatures      0x0ac  W   SHMSel
 *   0x014  W   DeviceFeaturesSel   0x0b0  R   SHMLenLow, SHMLenHigh
 *   0x020  W   DriverFeatures      0x0b8  R   SHMBaseLow, SHMBaseHigh
 *   0x024  W   DriverFeaturesSel   0x0c0  RW  QueueReset         not used
 *   0x030  W   QueueSel            0x0fc  R   ConfigGeneration
 *   0x034  R   QueueSizeMax        0x100  RW  configuration
 *   0x038  W   QueueSize
 *   0x044  RW  QueueReady
 *   0x050  W   QueueNotify
 *   0x060  R   InterruptStatus
 *   0x064  W   InterruptACK </pre>
 */
final class MmioLayout {

    static final int MAGIC_VALUE = 0x000;
    static final int VERSION = 0x004;
    static final int DEVICE_ID = 0x008;
    static final int VENDOR_ID = 0x00c;
    static final int DEVICE_FEATURES = 0x010;
    static final int DEVICE_FEATURES_SEL = 0x014;
    static final int DRIVER_FEATURES = 0x020;
    static final int DRIVER_FEATURES_SEL = 0x024;
    static final int QUEUE_SEL = 0x030;
    static final int QUEUE_SIZE_MAX = 0x034;
    static final int QUEUE_SIZE = 0x038;
    static final int QUEUE_READY = 0x044;
    static final int QUEUE_NOTIFY = 0x050;
    static final int INTERRUPT_STATUS = 0x060;
    static final int INTERRUPT_ACK = 0x064;
    static final int STATUS = 0x070;
    static final int QUEUE_DESC_LOW = 0x080;
    static final int QUEUE_DESC_HIGH = 0x084;
    static final int QUEUE_DRIVER_LOW = 0x090;
    static final int QUEUE_DRIVER_HIGH = 0x094;
    static final int QUEUE_DEVICE_LOW = 0x0a0;
    static final int QUEUE_DEVICE_HIGH = 0x0a4;
    static final int SHM_LEN_LOW = 0x0b0;
    static final int SHM_LEN_HIGH = 0x0b4;
    static final int SHM_BASE_LOW = 0x0b8;
    static final int SHM_BASE_HIGH = 0x0bc;
    static final int CONFIG_GENERATION = 0x0fc;
    static final int CONFIG = 0x100;

    private MmioLayout() {
    }
}
