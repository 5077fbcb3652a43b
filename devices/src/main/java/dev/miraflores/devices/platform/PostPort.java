// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import dev.miraflores.devices.ByteRegisters;
import dev.miraflores.devices.Resettable;

/** Port 80h: firmware's progress codes, and the port that kernels write to for a short delay. Remembers the last. */
public final class PostPort implements ByteRegisters, Resettable {

    private volatile int last;

    public PostPort() {
        // Nothing was written yet: 0.
    }

    /** The code written last. */
    public int last() {
        return last;
    }

    @Override
    public void reset() {
        last = 0;
    }

    @Override
    public int readByte(int offset) {
        return offset == 0 ? last : 0;
    }

    @Override
    public void writeByte(int offset, int value) {
        if (offset == 0) {
            last = value;
        }
    }
}
