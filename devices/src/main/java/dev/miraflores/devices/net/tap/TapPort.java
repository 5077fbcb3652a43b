// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.tap;

import dev.miraflores.devices.net.NetPort;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;

/** One queue of a tap: a call for each packet, from and to where the iovecs point. */
final class TapPort implements NetPort {

    private final Fd queue;
    private final int descriptor;

    TapPort(Fd queue) {
        this.queue = queue;
        this.descriptor = queue.number();
    }

    @Override
    public int descriptor() {
        return descriptor;
    }

    @Override
    public long send(long iovecs, int iovecCount) {
        return FileIo.writev(descriptor, iovecs, iovecCount);
    }

    @Override
    public long receive(long iovecs, int iovecCount) {
        return FileIo.readv(descriptor, iovecs, iovecCount);
    }

    void close() {
        queue.close();
    }
}
