// SPDX-License-Identifier: Apache-2.0

/** {@code hv top}: a QMP client, and what it shows of two answers to {@code x-hv-query-stats}. */
package dev.miraflores.monitor.top;
