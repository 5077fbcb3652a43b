// SPDX-License-Identifier: Apache-2.0

/**
 * Character devices' far ends: what may stand behind a serial port or a port of virtio-console. Start at
 * {@link dev.miraflores.devices.character.CharBackend}.
 * <p>Output goes into a bounded queue, which a thread of its own empties into the back end
 * ({@link dev.miraflores.devices.character.OutputPump}): a slow or stuck back end fills the queue, and holds up nothing else.
 * Input comes from the back end's own thread through {@link dev.miraflores.devices.character.CharInput}, into a bounded queue
 * again, for whose room it waits ({@link dev.miraflores.devices.character.WaitingInput}).
 */
package dev.miraflores.devices.character;
