// SPDX-License-Identifier: Apache-2.0

/**
 * The console device (virtio 1.3 §5.3): a console for the guest, and named ports through which its programs talk with the
 * host's. Start at {@link dev.miraflores.devices.console.VirtioConsoleDevice}; {@link dev.miraflores.devices.console.Port} is
 * where guest and host meet.
 * <p>All queues are served on one I/O thread, which never waits: output goes into a bounded
 * {@link dev.miraflores.devices.character.OutputPump}, and as long as that is full the driver's buffers stay in the queue;
 * input waits in a bounded queue until the driver gives buffers. What the driver is owed on the control queue is a few bits for
 * each port, so that it can neither be lost nor grow.
 * <p>Ports do not come and go while the guest runs, so no port is ever removed.
 */
package dev.miraflores.devices.console;
