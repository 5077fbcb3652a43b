// SPDX-License-Identifier: Apache-2.0

/**
 * Looks at a running machine, and drives it. Start at {@link dev.miraflores.monitor.Monitor}: it has the operations, over the
 * library's {@code VirtualMachine} and {@code Drive}, with QEMU's names of disks, nodes and jobs. {@code qmp} speaks QEMU's
 * protocol for programs, {@code hmp} its commands for people, {@code metrics} OpenMetrics, and {@code top} is a client of
 * the first.
 * <p>Threads: one for each socket and two for each client, none of which is an I/O thread or a vCPU; a disk is reached through
 * {@code Drive} alone, whose changes go to its I/O threads as messages.
 * <p>Loaded only when a monitor is asked for: a start without one pays nothing for it.
 */
package dev.miraflores.monitor;
