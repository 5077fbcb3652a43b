// SPDX-License-Identifier: Apache-2.0

/**
 * JFR events of I/O threads and drives. Start at {@link dev.miraflores.aio.jfr.FlightEvents}.
 * <p>The first event class that is loaded costs hundreds of milliseconds, so none is before a recorder runs: until then
 * each place that could tell something reads one flag.
 */
package dev.miraflores.aio.jfr;
