// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.pci.PciConfigHook;
import dev.miraflores.devices.pci.PciConfigSpace;
import dev.miraflores.devices.pci.PciFunction;

/**
 * The vendor-specific capabilities that tell a driver where the registers of a virtio-pci device lie.
 * <pre>  0   u8    cap_vndr, 0x09
 *   1   u8    cap_next
 *   2   u8    cap_len
 *   3   u8    cfg_type
 *   4   u8    bar
 *   5   u8    id
 *   8   le32  offset      in the BAR
 *   12  le32  length
 *   16  le32  notify_off_multiplier   or pci_cfg_data </pre>
 * <p>Thread: the hook, under the lock of {@link dev.miraflores.devices.pci.PciRoot}, but for what it leads to: a reset by it
 * waits for the device, which other devices' configuration space does not.
 * <p>Source: virtio 1.3 §4.1.4.
 */
final class PciCapabilities {

    static final int COMMON_CFG = 1;
    static final int NOTIFY_CFG = 2;
    static final int ISR_CFG = 3;
    static final int DEVICE_CFG = 4;
    static final int PCI_CFG = 5;

    private static final int VENDOR_SPECIFIC = 0x09;
    private static final int CAP_BYTES = 16;
    private static final int CAP_LEN_OFFSET = 2;
    private static final int CFG_TYPE_OFFSET = 3;
    private static final int BAR_OFFSET = 4;
    private static final int OFFSET_OFFSET = 8;
    private static final int LENGTH_OFFSET = 12;
    private static final int MULTIPLIER_OFFSET = 16;
    private static final int DATA_OFFSET = 16;

    private PciCapabilities() {
    }

    /** Adds the capability of a structure at {@code offset} of BAR {@code bar}. */
    static void addRegion(PciFunction function, int type, int bar, int offset, int byteSize) {
        add(function.config(), type, CAP_BYTES, bar, offset, byteSize);
    }

    /** Adds the capability of the notification area (§4.1.4.4). */
    static void addNotifyRegion(PciFunction function, int bar, int offset, int byteSize, int multiplier) {
        int capability = add(function.config(), NOTIFY_CFG, CAP_BYTES + 4, bar, offset, byteSize);
        function.config().set(capability + MULTIPLIER_OFFSET, 4, multiplier);
    }

    /** Adds a window into BAR {@code bar} for who cannot map it (§4.1.4.9). */
    static void addConfigAccess(PciFunction function, int bar, BusDevice registers, long barByteSize) {
        PciConfigSpace config = function.config();
        int capability = add(config, PCI_CFG, CAP_BYTES + 4, 0, 0, 0);
        config.setWritable(capability + BAR_OFFSET, 1, 0xff);
        config.setWritable(capability + OFFSET_OFFSET, 4, -1);
        config.setWritable(capability + LENGTH_OFFSET, 4, -1);
        config.setWritable(capability + DATA_OFFSET, 4, -1);
        Window window = new Window(config, capability, bar, registers, barByteSize);
        function.addHook(capability + DATA_OFFSET, 4, window);
    }

    private static int add(PciConfigSpace config, int type, int capByteSize, int bar, int offset, int byteSize) {
        int capability = config.addCapability(VENDOR_SPECIFIC, capByteSize);
        config.set(capability + CAP_LEN_OFFSET, 1, capByteSize);
        config.set(capability + CFG_TYPE_OFFSET, 1, type);
        config.set(capability + BAR_OFFSET, 1, bar);
        config.set(capability + OFFSET_OFFSET, 4, offset);
        config.set(capability + LENGTH_OFFSET, 4, byteSize);
        return capability;
    }

    /** Passes accesses of pci_cfg_data on; others than aligned ones of 1, 2 or 4 bytes in the BAR go nowhere. */
    private record Window(PciConfigSpace config, int capability, int bar, BusDevice registers, long barByteSize)
            implements PciConfigHook {

        @Override
        public Access beforeRead() {
            return isUsable() ? new Read(this, offset(), length()) : null;
        }

        @Override
        public Access afterWrite() {
            if (!isUsable()) {
                return null;
            }
            long offset = offset();
            int length = length();
            long value = config.get(capability + DATA_OFFSET, length) & 0xffff_ffffL;
            return () -> registers.write(offset, length, value);
        }

        private boolean isUsable() {
            int length = length();
            return config.get(capability + BAR_OFFSET, 1) == bar
                    && (length == 1 || length == 2 || length == 4)
                    && offset() % length == 0
                    && offset() <= barByteSize - length;
        }

        private static final class Read implements Access {
            private final Window window;
            private final long offset;
            private final int length;
            private int value;

            Read(Window window, long offset, int length) {
                this.window = window;
                this.offset = offset;
                this.length = length;
            }

            @Override
            public void perform() {
                value = (int) window.registers.read(offset, length);
            }

            @Override
            public void finish() {
                window.config.set(window.capability + DATA_OFFSET, length, value);
            }
        }

        private long offset() {
            return config.get(capability + OFFSET_OFFSET, 4) & 0xffff_ffffL;
        }

        private int length() {
            return config.get(capability + LENGTH_OFFSET, 4);
        }
    }
}
