// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * What the guest sends through a port. A buffer may be of any size: it is passed on in steps, as there is room.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.3.6.
 */
final class TransmitQueue extends ServedQueue {

    /** Buffers in a turn, which an unfinished step of a large one ends. */
    static final int TURN_BUDGET = 16;

    private final Port port;
    private final Scratch scratch;
    /** How much of the buffer has been passed on. */
    private long doneBytes;
    /** Who it is for has gone if that is another number now. */
    private int hangUps;

    TransmitQueue(DeviceQueue queue, DeviceEvents events, Port port, Scratch scratch) {
        super(queue, events, TURN_BUDGET);
        this.port = port;
        this.scratch = scratch;
    }

    @Override
    protected boolean isReady() {
        return port.canSend();
    }

    /** Writes nothing into the buffer, writable or not. */
    @Override
    protected int serve(DescriptorChain chain) {
        if (doneBytes == 0) {
            hangUps = port.hangUps();
        }
        long left = chain.readableBytes() - doneBytes;
        if (left > 0 && !port.isDropping() && hangUps == port.hangUps()) {
            int length = (int) Math.min(left, Scratch.BYTES);
            chain.read(doneBytes, scratch.segment, 0, length);
            int taken = port.send(scratch.bytes, length);
            doneBytes += taken;
            if (taken < left) {
                return UNFINISHED;
            }
        } else {
            port.dropped(left);
        }
        doneBytes = 0;
        return 0;
    }
}
