// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/** How a guest finds and reaches its virtio devices. */
public enum VirtioTransport {

    /** As PCI functions (virtio 1.3 §4.1), with MSI-X: what guests expect. One slot each; the host bridge has slot 0. */
    PCI("pci", 31),
    /** In windows of memory that ACPI names (§4.2), with an interrupt line each: for guests without PCI. */
    MMIO("mmio", 8);

    private final String word;
    private final int maxDevices;

    VirtioTransport(String word, int maxDevices) {
        this.word = word;
        this.maxDevices = maxDevices;
    }

    /** How many devices there is room for. */
    public int maxDevices() {
        return maxDevices;
    }

    /**
     * The transport that {@code --virtio} means.
     *
     * @throws ConfigException when it means none
     */
    public static VirtioTransport parse(String text) {
        for (VirtioTransport transport : values()) {
            if (transport.word.equals(text)) {
                return transport;
            }
        }
        throw new ConfigException("--virtio " + text + ": no such transport; use pci or mmio");
    }

    @Override
    public String toString() {
        return word;
    }
}
