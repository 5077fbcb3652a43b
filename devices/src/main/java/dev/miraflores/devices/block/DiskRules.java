// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

/**
 * What a disk's requests are held against.
 *
 * @param sectors  how many there are, of 512 bytes
 * @param readOnly whether there can be no writes
 * @param discards whether the driver knows of discards (VIRTIO_BLK_F_DISCARD)
 * @param zeroes   whether the driver knows of write zeroes (VIRTIO_BLK_F_WRITE_ZEROES)
 * @param unmaps   whether write zeroes may give space back where the driver says so (write_zeroes_may_unmap): not all drivers
 *                 look before they do
 */
record DiskRules(long sectors, boolean readOnly, boolean discards, boolean zeroes, boolean unmaps) {

    /** The same for a disk of another size, in bytes. */
    DiskRules withByteSize(long byteSize) {
        return new DiskRules(byteSize >>> BlockConfigSpace.SECTOR_SHIFT, readOnly, discards, zeroes, unmaps);
    }
}
