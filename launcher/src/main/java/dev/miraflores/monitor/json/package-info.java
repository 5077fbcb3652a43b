// SPDX-License-Identifier: Apache-2.0

/**
 * JSON as QMP has it: {@link dev.miraflores.monitor.json.JsonFramer} finds where values begin and end in what arrives,
 * {@link dev.miraflores.monitor.json.Json} reads and writes them. A value is a {@code Map}, {@code List}, {@code String},
 * {@code Long}, {@code BigInteger}, {@code Double}, {@code Boolean} or null.
 */
package dev.miraflores.monitor.json;
