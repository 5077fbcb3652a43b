// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.aio.uring.RingMode;

/**
 * Transfers on a ring that is asked for completions, all but the flag by which the kernel asks the device: few hosts have one
 * that can be asked.
 */
@NeedsIoUring
class PolledBlockEngineTest extends BlockEngineContract {

    private static final IoThreadOptions OPTIONS = IoThreadOptions.DEFAULTS.withIoPoll();

    PolledBlockEngineTest() {
        super(EngineKind.IO_URING, false);
    }

    @Override
    IoThread start(String name) {
        return IoThread.start(name, OPTIONS, new UringPort(KernelFeatures.host(), OPTIONS, RingMode.PLAIN));
    }
}
