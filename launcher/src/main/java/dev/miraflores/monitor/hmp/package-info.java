// SPDX-License-Identifier: Apache-2.0

/**
 * The monitor for people, with QEMU's commands: {@code HmpCommands} has them, {@code HmpServer} speaks them line by line on a
 * socket, {@code TerminalMonitor} at a terminal, with completion and history.
 * <p>Source: QEMU's hmp-commands.hx and hmp-commands-info.hx.
 */
package dev.miraflores.monitor.hmp;
