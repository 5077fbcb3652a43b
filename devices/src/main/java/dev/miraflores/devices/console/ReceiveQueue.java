// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * What arrives at a port's far end, for the guest. Buffers are used as there is something to put into them and the guest has
 * the port open; none is held back until it is full.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.3.6.
 */
final class ReceiveQueue extends ServedQueue {

    static final int TURN_BUDGET = 16;

    private final Port port;
    private final Scratch scratch;

    ReceiveQueue(DeviceQueue queue, DeviceEvents events, Port port, Scratch scratch) {
        super(queue, events, TURN_BUDGET);
        this.port = port;
        this.scratch = scratch;
    }

    @Override
    protected boolean isReady() {
        return port.isGuestOpen() && port.hasInput();
    }

    /** A buffer that nothing can be put into goes back with nothing. */
    @Override
    protected int serve(DescriptorChain chain) {
        int room = (int) Math.min(chain.writableBytes(), Port.INPUT_BYTES);
        int done = 0;
        while (done < room) {
            int count = port.receive(scratch.bytes, Math.min(room - done, Scratch.BYTES));
            if (count == 0) {
                break;
            }
            chain.write(done, scratch.segment, 0, count);
            done += count;
        }
        return done;
    }
}
