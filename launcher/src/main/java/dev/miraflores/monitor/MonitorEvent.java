// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import java.time.Instant;
import java.util.Map;

/**
 * Something that happened, in the words of QMP.
 *
 * @param name as QEMU's documents have it, such as {@code BLOCK_JOB_READY}
 * @param data what goes with it; empty for nothing
 * @param time when
 */
public record MonitorEvent(String name, Map<String, Object> data, Instant time) {
}
