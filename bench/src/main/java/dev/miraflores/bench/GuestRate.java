// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * How fast a guest's reads went, and what each cost.
 *
 * @param iops          reads per second
 * @param deviceNs      processor time of the monitor for each, all of its threads but the vCPUs'
 * @param vcpuNs        that of the vCPUs' threads outside of the guest
 * @param interrupts    taken by the guest for each
 * @param notifications sent by the guest for each
 */
record GuestRate(double iops, double deviceNs, double vcpuNs, double interrupts, double notifications) {

    double cpuNs() {
        return deviceNs + vcpuNs;
    }

    /** Of each figure by itself. */
    static GuestRate median(List<GuestRate> rates) {
        return new GuestRate(median(rates, GuestRate::iops), median(rates, GuestRate::deviceNs),
            median(rates, GuestRate::vcpuNs), median(rates, GuestRate::interrupts),
            median(rates, GuestRate::notifications));
    }

    private static double median(List<GuestRate> rates, ToDoubleFunction<GuestRate> figure) {
        double[] sorted = rates.stream().mapToDouble(figure).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
