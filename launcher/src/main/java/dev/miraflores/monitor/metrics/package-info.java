// SPDX-License-Identifier: Apache-2.0

/**
 * What a machine counts, as OpenMetrics text over HTTP, which is what Prometheus and its like read.
 * <p>Source: OpenMetrics 1.0.
 */
package dev.miraflores.monitor.metrics;
