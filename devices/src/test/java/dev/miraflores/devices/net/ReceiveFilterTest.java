// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.ReceiveFilter.Mode;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Which packets a guest gets (virtio 1.3 §5.1.6.5.1 to §5.1.6.5.3). */
class ReceiveFilterTest {

    private static final long MAC = NetFixture.MAC;
    private static final long OTHER = 0x52_54_00_aa_bb_ccL;
    private static final long GROUP = 0x33_33_00_00_00_01L;
    private static final long OTHER_GROUP = 0x33_33_00_00_00_02L;
    private static final long ALL = 0xff_ff_ff_ff_ff_ffL;

    private static final ReceiveFilter INITIAL = ReceiveFilter.initial(MAC, true);
    private static final ReceiveFilter FILTER = INITIAL.with(Mode.PROMISCUOUS, false);

    private static boolean accepts(ReceiveFilter filter, long destination) {
        return filter.accepts(MemorySegment.ofArray(NetFixture.frameTo(destination)), 0);
    }

    private static boolean accepts(ReceiveFilter filter, long destination, int vlan) {
        return filter.accepts(MemorySegment.ofArray(NetFixture.frameInVlan(destination, vlan)), 0);
    }

    @Test
    void shouldTakeAllAtFirst() {
        assertTrue(accepts(INITIAL, OTHER));
        assertTrue(accepts(INITIAL, GROUP));
        assertTrue(accepts(INITIAL, OTHER, 5));
    }

    @Test
    void shouldTakeItsOwnAndWhatIsForAll() {
        assertTrue(accepts(FILTER, MAC));
        assertTrue(accepts(FILTER, ALL));
        assertFalse(accepts(FILTER, OTHER));
        assertFalse(accepts(FILTER, GROUP));
        assertTrue(accepts(FILTER.withMac(OTHER), OTHER));
        assertFalse(accepts(FILTER.withMac(OTHER), MAC));
    }

    @Test
    void shouldTakeWhatIsInItsTables() {
        ReceiveFilter filter = FILTER.withTables(new long[] {OTHER}, new long[] {GROUP});
        assertTrue(accepts(filter, OTHER));
        assertTrue(accepts(filter, GROUP));
        assertFalse(accepts(filter, OTHER_GROUP));
        assertFalse(accepts(filter, OTHER + 1));
        ReceiveFilter swapped = FILTER.withTables(new long[] {GROUP}, new long[] {OTHER});
        assertFalse(accepts(swapped, GROUP));
        assertFalse(accepts(swapped, OTHER));
    }

    /** As in QEMU: a table that is too long lets its kind through. */
    @Test
    void shouldTakeAllOfAKindWhoseTableWasTooLong() {
        ReceiveFilter unicast = FILTER.withTables(null, new long[0]);
        assertTrue(accepts(unicast, OTHER));
        assertFalse(accepts(unicast, GROUP));
        ReceiveFilter multicast = FILTER.withTables(new long[0], null);
        assertFalse(accepts(multicast, OTHER));
        assertTrue(accepts(multicast, GROUP));
        assertTrue(multicast.multicastOverflow());
        assertFalse(FILTER.withTables(new long[0], new long[0]).multicastOverflow());
    }

    @Test
    @Tag("virtio:5.1.6.5.1.1/rx")
    @Tag("virtio:5.1.6.5.1.1/rx-extra")
    void shouldDoWhatTheModesSay() {
        assertTrue(accepts(FILTER.with(Mode.ALL_MULTICAST, true), GROUP));
        assertFalse(accepts(FILTER.with(Mode.ALL_MULTICAST, true), OTHER));
        assertTrue(accepts(FILTER.with(Mode.ALL_UNICAST, true), OTHER));
        assertFalse(accepts(FILTER.with(Mode.ALL_UNICAST, true), GROUP));
        assertFalse(accepts(FILTER.with(Mode.NO_BROADCAST, true), ALL));
        assertTrue(accepts(FILTER.with(Mode.NO_BROADCAST, true), MAC));
        ReceiveFilter noMulticast = FILTER.with(Mode.ALL_MULTICAST, true).with(Mode.NO_MULTICAST, true);
        assertFalse(accepts(noMulticast, GROUP));
        assertTrue(accepts(noMulticast, ALL), "broadcast is not multicast");
        ReceiveFilter noUnicast = FILTER.with(Mode.ALL_UNICAST, true).with(Mode.NO_UNICAST, true);
        assertFalse(accepts(noUnicast, MAC));
        assertTrue(accepts(noUnicast.with(Mode.NO_UNICAST, false), OTHER));
        // Promiscuous mode is above all others.
        assertTrue(accepts(noUnicast.with(Mode.PROMISCUOUS, true), MAC));
    }

    @Test
    @Tag("virtio:5.1.6.5.3.1/all")
    @Tag("virtio:5.1.6.5.3.1/present")
    void shouldKeepVlansApartWhereThatWasNegotiated() {
        assertFalse(accepts(FILTER, MAC, 0));
        for (int vlan : new int[] {0, 1, 63, 64, 4095}) {
            ReceiveFilter filter = FILTER.withVlan(vlan, true);
            assertTrue(accepts(filter, MAC, vlan));
            assertTrue(accepts(filter, MAC, vlan | 0xe000), "priority is not part of the id");
            assertFalse(accepts(filter, MAC, vlan ^ 2));
            assertFalse(accepts(filter, OTHER, vlan));
            assertFalse(accepts(filter.withVlan(vlan, false), MAC, vlan));
        }
        ReceiveFilter without = ReceiveFilter.initial(MAC, false).with(Mode.PROMISCUOUS, false);
        assertTrue(accepts(without, MAC, 77));
        assertEquals(MAC, without.mac());
    }
}
