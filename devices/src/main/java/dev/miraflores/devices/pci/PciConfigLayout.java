// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

/**
 * Configuration space of a function, header type 0 (PCI 3.0 §6.1). Little-endian.
 * <pre>  0x00  le16     vendor id
 *   0x02  le16     device id
 *   0x04  le16     command            written by the guest
 *   0x06  le16     status
 *   0x08  u8       revision id
 *   0x09  u8[3]    class code         interface, subclass, class
 *   0x0e  u8       header type
 *   0x10  le32[6]  BARs               written by the guest
 *   0x2c  le16     subsystem vendor id
 *   0x2e  le16     subsystem id
 *   0x34  u8       first capability
 *   0x3c  u8       interrupt line     written by the guest
 *   0x3d  u8       interrupt pin      0 none, 1 INTA# … 4 INTD#
 *   0x40           capabilities </pre>
 */
final class PciConfigLayout {

    static final int BYTES = 256;
    static final int VENDOR_ID_OFFSET = 0x00;
    static final int DEVICE_ID_OFFSET = 0x02;
    static final int COMMAND_OFFSET = 0x04;
    static final int STATUS_OFFSET = 0x06;
    static final int REVISION_OFFSET = 0x08;
    static final int CLASS_OFFSET = 0x09;
    static final int CACHE_LINE_OFFSET = 0x0c;
    static final int BAR_OFFSET = 0x10;
    static final int BAR_COUNT = 6;
    static final int BAR_END_OFFSET = BAR_OFFSET + 4 * BAR_COUNT;
    static final int SUBSYSTEM_VENDOR_OFFSET = 0x2c;
    static final int SUBSYSTEM_ID_OFFSET = 0x2e;
    static final int CAPABILITIES_OFFSET = 0x34;
    static final int INTERRUPT_LINE_OFFSET = 0x3c;
    static final int INTERRUPT_PIN_OFFSET = 0x3d;
    static final int FIRST_CAPABILITY_OFFSET = 0x40;

    static final int COMMAND_IO = 1;
    static final int COMMAND_MEMORY = 1 << 1;
    static final int COMMAND_BUS_MASTER = 1 << 2;
    static final int COMMAND_PARITY = 1 << 6;
    static final int COMMAND_SERR = 1 << 8;
    static final int COMMAND_INTX_DISABLE = 1 << 10;
    static final int COMMAND_WRITABLE = COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_PARITY
            | COMMAND_SERR | COMMAND_INTX_DISABLE;

    static final int STATUS_INTERRUPT = 1 << 3;
    static final int STATUS_CAPABILITIES = 1 << 4;
    // Error bits, cleared by writing ones (§6.2.3): parity, signalled and received aborts, system error.
    static final int STATUS_CLEARABLE = 0xf900;

    static final int CAPABILITY_MSIX = 0x11;

    private PciConfigLayout() {
    }
}
