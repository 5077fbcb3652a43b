// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.fuzz.Chance;
import dev.miraflores.virtio.ring.DriverFault;
import java.util.EnumSet;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Virtqueues beside the model, whatever the driver does (virtio 1.3 §2.7, §2.8); {@code fuzz/ring} does so for long. */
class VirtqueueModelProperties {

    private static final ModelMemory SMALL = new ModelMemory(RingShape.SMALL_BYTES);
    private static final ModelMemory LARGE = new ModelMemory(RingShape.LARGE_BYTES);

    private final Tally tally = new Tally();

    @Property(tries = 2000)
    @net.jqwik.api.Tag("virtio:2.7.4.1/any")
    @net.jqwik.api.Tag("virtio:2.7.5.1/readable")
    @net.jqwik.api.Tag("virtio:2.7.5.1/table")
    @net.jqwik.api.Tag("virtio:2.7.5.3.2/after-direct")
    @net.jqwik.api.Tag("virtio:2.7.5.3.2/write-flag")
    @net.jqwik.api.Tag("virtio:2.7.7.2/ignore-used-event")
    @net.jqwik.api.Tag("virtio:2.7.7.2/flags")
    @net.jqwik.api.Tag("virtio:2.7.7.2/ignore-flags")
    @net.jqwik.api.Tag("virtio:2.7.7.2/used-event")
    @net.jqwik.api.Tag("virtio:2.7.8.2/len-first")
    @net.jqwik.api.Tag("virtio:2.7.10.2/flags")
    @net.jqwik.api.Tag("virtio:2.7.10.2/flags-zero")
    @net.jqwik.api.Tag("virtio:6.2/in-order")
    void honestDriversGetAllBackFromSplitQueues(@ForAll long seed) {
        RingModel.honest(SMALL, new Chance(seed), false, 400, tally);
    }

    @Property(tries = 2000)
    @net.jqwik.api.Tag("virtio:2.7.4.1/any")
    @net.jqwik.api.Tag("virtio:2.8.12/process")
    @net.jqwik.api.Tag("virtio:2.8.12/complete")
    @net.jqwik.api.Tag("virtio:2.8.15/readable")
    @net.jqwik.api.Tag("virtio:2.8.15/available")
    @net.jqwik.api.Tag("virtio:2.8.15/used")
    @net.jqwik.api.Tag("virtio:2.8.18/order")
    @net.jqwik.api.Tag("virtio:6.2/in-order")
    void honestDriversGetAllBackFromPackedQueues(@ForAll long seed) {
        RingModel.honest(SMALL, new Chance(seed), true, 400, tally);
    }

    @Property(tries = 20)
    void honestDriversGetAllBackFromQueuesOfAnySize(@ForAll long seed, @ForAll boolean packed) {
        RingModel.honest(LARGE, new Chance(seed), packed, 3000, tally);
    }

    @Property(tries = 5000)
    @net.jqwik.api.Tag("virtio:2.7.5.1/table")
    @net.jqwik.api.Tag("virtio:2.7.5.1/readable")
    @net.jqwik.api.Tag("virtio:2.7.7.2/ignore-flags")
    @net.jqwik.api.Tag("class:endless")
    @net.jqwik.api.Tag("class:length")
    @net.jqwik.api.Tag("class:leak")
    @net.jqwik.api.Tag("class:selector")
    @net.jqwik.api.Tag("class:reentrancy")
    void hostileDriversGetTheirFaultsFromSplitQueues(@ForAll long seed) {
        RingModel.hostile(SMALL, new Chance(seed), false, 300, tally);
    }

    @Property(tries = 5000)
    @net.jqwik.api.Tag("virtio:2.8.15/used")
    @net.jqwik.api.Tag("virtio:2.8.15/readable")
    @net.jqwik.api.Tag("class:endless")
    @net.jqwik.api.Tag("class:length")
    @net.jqwik.api.Tag("class:leak")
    @net.jqwik.api.Tag("class:selector")
    @net.jqwik.api.Tag("class:reentrancy")
    void hostileDriversGetTheirFaultsFromPackedQueues(@ForAll long seed) {
        RingModel.hostile(SMALL, new Chance(seed), true, 300, tally);
    }

    /**
     * What these properties say of faults is not empty: they meet each of them, but for that of the record of what is in
     * flight, which is a vhost-user front end's to spoil and no driver's.
     */
    @Test
    void shouldMeetEveryFault() {
        for (long seed = 0; seed < 6_000; seed++) {
            RingModel.hostile(SMALL, new Chance(seed), seed % 2 == 0, 300, tally);
        }
        Set<DriverFault> unmet = EnumSet.complementOf(EnumSet.of(DriverFault.INFLIGHT_INVALID));
        unmet.removeAll(tally.faults().keySet());
        assertEquals(Set.of(), unmet);
    }
}
