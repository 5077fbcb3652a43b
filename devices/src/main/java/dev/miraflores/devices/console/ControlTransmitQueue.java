// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static dev.miraflores.devices.console.ConsoleLayout.EVENT;
import static dev.miraflores.devices.console.ConsoleLayout.HEADER_BYTES;
import static dev.miraflores.devices.console.ConsoleLayout.VALUE;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * What the driver says of ports. What is too short, or says nothing that a driver may say, is ignored.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.3.6.2.
 */
final class ControlTransmitQueue extends ServedQueue {

    static final int TURN_BUDGET = 16;

    private final ControlState state;

    ControlTransmitQueue(DeviceQueue queue, DeviceEvents events, ControlState state) {
        super(queue, events, TURN_BUDGET);
        this.state = state;
    }

    @Override
    protected int serve(DescriptorChain chain) {
        if (chain.readableBytes() >= HEADER_BYTES) {
            state.hear(chain.readInt(0), chain.readShort(EVENT) & 0xFFFF, chain.readShort(VALUE) & 0xFFFF);
        }
        return 0;
    }
}
