// SPDX-License-Identifier: Apache-2.0

/**
 * The terminal that {@code hv} was started from, as the far end of a guest's serial port. Start at
 * {@link dev.miraflores.launcher.terminal.StdioBackend}.
 */
package dev.miraflores.launcher.terminal;
