// SPDX-License-Identifier: Apache-2.0

/**
 * The entropy device (virtio 1.3 §5.4): random bytes of the host's kernel for the guest's. Start at
 * {@link dev.miraflores.devices.entropy.VirtioEntropyDevice}; its work is done on an I/O thread.
 */
package dev.miraflores.devices.entropy;
