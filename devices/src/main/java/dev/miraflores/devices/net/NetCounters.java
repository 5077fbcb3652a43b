// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.Counters;
import dev.miraflores.virtio.ring.DriverFault;

/**
 * What has happened in one direction of a queue pair since the device was made, across resets.
 * <p>Thread: counted on the pair's I/O thread; read on any.
 */
public final class NetCounters {

    private final Counters<NetCounter> packets = new Counters<>(NetCounter.values().length);
    private final Counters<NetFault> faults = new Counters<>(NetFault.values().length);
    private final Counters<DriverFault> driverFaults = new Counters<>(DriverFault.values().length);

    NetCounters() {
    }

    public Counters<NetCounter> packets() {
        return packets;
    }

    /** Why packets were dropped and buffers given back, by the network device's rules. */
    public Counters<NetFault> faults() {
        return faults;
    }

    /** Why chains were given back or the queue ended, by the rules of virtqueues. */
    public Counters<DriverFault> driverFaults() {
        return driverFaults;
    }

    void drop(NetFault why) {
        packets.increment(NetCounter.DROPS);
        faults.increment(why);
    }

    void malformed(NetFault why) {
        packets.increment(NetCounter.MALFORMED);
        faults.increment(why);
    }

    void malformed(DriverFault why) {
        packets.increment(NetCounter.MALFORMED);
        driverFaults.increment(why);
    }

    void passed(long bytes) {
        packets.increment(NetCounter.PACKETS);
        packets.add(NetCounter.BYTES, bytes);
    }
}
