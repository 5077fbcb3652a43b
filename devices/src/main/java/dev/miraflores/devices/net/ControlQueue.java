// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_ERR;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_OK;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * The control queue: takes commands, has them done, and says whether they were.
 * <p>Thread: the device's control thread.
 * <p>Source: virtio 1.3 §5.1.6.5.
 */
final class ControlQueue extends ServedQueue {

    /** Commands in a turn: one may make a data path speak with the kernel, or with another process. */
    static final int TURN_BUDGET = 8;

    /** class and command. */
    private static final int HEADER_BYTES = 2;
    private static final int ACK_BYTES = 1;

    private final ControlCommands commands;
    private boolean stopped;

    ControlQueue(DeviceQueue queue, DeviceEvents events, ControlCommands commands) {
        super(queue, events, TURN_BUDGET);
        this.commands = commands;
    }

    /** Whether commands are left where they are. */
    void setStopped(boolean on) {
        stopped = on;
    }

    @Override
    protected boolean isReady() {
        return !stopped;
    }

    /** A command without header, or without a byte for the answer, is given back as it is. */
    @Override
    protected int serve(DescriptorChain chain) {
        if (chain.readableBytes() < HEADER_BYTES || chain.writableBytes() < ACK_BYTES) {
            commands.countMalformed();
            return 0;
        }
        boolean done = commands.execute(chain);
        chain.writeByte(0, (byte) (done ? VIRTIO_NET_OK : VIRTIO_NET_ERR));
        return ACK_BYTES;
    }
}
