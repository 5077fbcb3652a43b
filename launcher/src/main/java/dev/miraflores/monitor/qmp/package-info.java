// SPDX-License-Identifier: Apache-2.0

/**
 * QEMU's machine protocol: {@link dev.miraflores.monitor.qmp.QmpServer} listens, a {@code QmpSession} is one client's, and
 * {@code QmpCommands} has the commands with their arguments.
 * <p>Source: QEMU's docs/interop/qmp-spec and qapi/*.json, as of 7.2. Left out: out-of-band execution, and
 * {@code query-qmp-schema}.
 */
package dev.miraflores.monitor.qmp;
