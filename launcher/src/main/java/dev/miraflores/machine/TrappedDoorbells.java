// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.Doorbells;
import dev.miraflores.linux.EventFd;

/**
 * None: each notification leaves the guest, and the vCPU's thread passes it on, as before there were ioeventfds. What
 * {@code dataplane=off} means.
 */
final class TrappedDoorbells implements Doorbells, Doorbells.Binding {

    @Override
    public Binding bindMmio(long gpa, int byteSize, EventFd event) {
        return this;
    }

    @Override
    public Binding bindMmio(long gpa, int byteSize, long value, EventFd event) {
        return this;
    }

    @Override
    public void close() {
    }
}
