// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.virtio.ring.DriverFault;
import java.util.EnumMap;
import java.util.Map;

/** What runs of the model came to. */
public final class Tally {

    private final Map<DriverFault, Long> faults = new EnumMap<>(DriverFault.class);
    private long operations;
    private long queues;

    /** A run, or a part of one, with the fault that it met, if any. */
    void count(long more, DriverFault fault) {
        operations += more;
        queues += more > 0 ? 1 : 0;
        if (fault != null) {
            faults.merge(fault, 1L, Long::sum);
        }
    }

    void add(Tally other) {
        operations += other.operations;
        queues += other.queues;
        other.faults.forEach((fault, count) -> faults.merge(fault, count, Long::sum));
    }

    /** Steps of a driver or a device, each compared with the model. */
    public long operations() {
        return operations;
    }

    public long queues() {
        return queues;
    }

    public Map<DriverFault, Long> faults() {
        return faults;
    }
}
