// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Ioctl;
import java.lang.foreign.MemorySegment;

/** The kernel's own. */
record VhostFile(Fd fd) implements VhostCalls {

    /** A signal in the wrong moment: nothing has happened, and it is to be asked for again. */
    @Override
    public int call(long request, MemorySegment argument) {
        int rc;
        do {
            rc = Ioctl.call(fd.number(), request, argument);
        } while (rc == -Errno.EINTR);
        return rc;
    }

    @Override
    public void close() {
        fd.close();
    }
}
