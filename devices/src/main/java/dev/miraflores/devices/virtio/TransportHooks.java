// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/** What {@link VirtioDeviceState} asks of the transport around it. */
interface TransportHooks {

    /** The used buffer notification of a queue. Runs on any thread, takes no lock that a register access holds. */
    QueueInterrupt usedBufferNotification(QueueRegisters queue);

    /** Sends a configuration change notification. Any thread, and no lock that a register access holds. */
    void notifyConfigChange();

    /** The device is about to start: the enabled queues' doorbells may bypass the trap. Under the state's lock. */
    void activated();

    /** The device has stopped and is being reset: no doorbells, nothing pending. Under the state's lock. */
    void reset();
}
