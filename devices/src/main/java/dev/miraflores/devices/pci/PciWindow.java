// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

/**
 * Addresses that the host bridge passes on to its bus. Nothing else may lie there.
 *
 * @param start    first address
 * @param byteSize how many
 */
public record PciWindow(long start, long byteSize) {

    /** Whether all {@code bytes} from {@code address} on lie inside. */
    boolean contains(long address, long bytes) {
        return address >= start && bytes <= byteSize && address - start <= byteSize - bytes;
    }

    /** The first address past the end. */
    public long end() {
        return start + byteSize;
    }
}
