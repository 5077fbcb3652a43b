// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.InflightDescription;
import dev.miraflores.linux.Fd;

/**
 * Where a back end keeps what is in flight ("Inflight I/O tracking"). It made the area; we only hold it, unseen and unmapped,
 * for the back end that comes after it.
 * <p>Lifetime: from the start of the rings to the driver's reset; {@link #close} gives it up.
 */
record InflightArea(InflightDescription description, Fd file) implements AutoCloseable {

    @Override
    public void close() {
        file.close();
    }
}
