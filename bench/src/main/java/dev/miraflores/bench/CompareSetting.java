// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

/**
 * What all machines of a comparison share.
 *
 * @param hv    our command
 * @param qemu  QEMU's, or null where there is none
 * @param guest the built-in guest's image
 * @param file  the disk, which is only read
 * @param cache word of the cache mode
 */
record CompareSetting(String hv, String qemu, String guest, String file, String cache) {
}
