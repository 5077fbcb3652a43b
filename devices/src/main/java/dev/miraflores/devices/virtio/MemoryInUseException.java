// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/**
 * A device was closed, or given up, with requests in flight that the host's kernel would not finish: it may yet write into
 * the guest's memory. Whoever owns that memory must not unmap it as long as the process lives.
 */
public final class MemoryInUseException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** @param message which device, and what is in flight */
    public MemoryInUseException(String message) {
        super(message);
    }
}
