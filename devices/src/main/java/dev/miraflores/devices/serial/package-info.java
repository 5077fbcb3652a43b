// SPDX-License-Identifier: Apache-2.0

/**
 * The serial port of a PC. Start at {@link dev.miraflores.devices.serial.Serial16550A}.
 * <p>Output goes from the vCPU into a {@link dev.miraflores.devices.character.OutputPump}: a slow or stuck back end makes the
 * transmitter look busy to the guest, and holds up nothing else.
 * <p>Line speed, parity and stop bits are remembered, and have no effect.
 */
package dev.miraflores.devices.serial;
