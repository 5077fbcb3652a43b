// SPDX-License-Identifier: Apache-2.0

/**
 * The serial port of a PC, and what may stand behind it. Start at {@link dev.miraflores.devices.serial.Serial16550A}.
 * <p>Output goes from the vCPU into a bounded queue, which a thread of the port empties into the
 * {@link dev.miraflores.devices.serial.CharBackend}: a slow or stuck back end makes the transmitter look busy to the
 * guest, and holds up nothing else. Input comes from the back end's own thread through
 * {@link dev.miraflores.devices.serial.CharInput}, into a bounded queue again.
 * <p>Line speed, parity and stop bits are remembered, and have no effect.
 */
package dev.miraflores.devices.serial;
