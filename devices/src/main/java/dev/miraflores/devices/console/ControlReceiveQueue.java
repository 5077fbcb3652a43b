// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static dev.miraflores.devices.console.ConsoleLayout.HEADER_BYTES;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * What the driver is told of ports: a message a buffer. One that does not even hold a message's header goes back with nothing,
 * and the message waits for another; one in whose rest the name or the size does not fit does, too, but costs the message.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.3.6.2.
 */
final class ControlReceiveQueue extends ServedQueue {

    static final int TURN_BUDGET = 16;

    private final ControlState state;
    private final Scratch scratch;

    ControlReceiveQueue(DeviceQueue queue, DeviceEvents events, ControlState state, Scratch scratch) {
        super(queue, events, TURN_BUDGET);
        this.state = state;
        this.scratch = scratch;
    }

    @Override
    protected boolean isReady() {
        return state.hasMessage();
    }

    @Override
    protected int serve(DescriptorChain chain) {
        if (chain.writableBytes() < HEADER_BYTES) {
            return 0;
        }
        int length = state.putMessage(scratch.segment);
        if (length > chain.writableBytes()) {
            return 0;
        }
        chain.write(0, scratch.segment, 0, length);
        return length;
    }
}
