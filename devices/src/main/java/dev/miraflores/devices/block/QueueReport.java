// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import java.util.List;

/**
 * What a queue has in flight.
 *
 * @param requests    those not complete, held ones included
 * @param knowsKernel whether {@code inKernel} is what the kernel has; else it may have anything
 * @param inKernel    how many the kernel may have
 */
record QueueReport(List<InFlightRequest> requests, boolean knowsKernel, int inKernel) {
}
