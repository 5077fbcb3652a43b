// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.balloon.VirtioBalloonDevice;

/** Balloons without a machine, and so without a driver. */
public final class Balloons {

    private Balloons() {
    }

    public static Balloon of(BalloonConfig config, IoThread ioThread, long memoryBytes) {
        return new Balloon(config, new VirtioBalloonDevice(ioThread, memoryBytes, config.options(), _ -> { }));
    }
}
