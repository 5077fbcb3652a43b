// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Which packets a guest wants to receive (virtio 1.3 §5.1.6.5.1 to §5.1.6.5.3). What it asks for is a favour, not a wall: as in QEMU, a
 * table too long to keep lets through all packets of its kind, and promiscuous mode all there are.
 * <p>Thread: any; never changes.
 */
public final class ReceiveFilter {

    /** Addresses kept of both tables together, as in QEMU. */
    public static final int MAX_ADDRESSES = 64;
    /** VLAN ids, of which there are so many (IEEE 802.1Q). */
    public static final int VLANS = 4096;

    private static final int ETHERTYPE_OFFSET = 12;
    private static final int TCI_OFFSET = 14;
    private static final int ETHERTYPE_VLAN = 0x8100;
    static final int TAGGED_HEADER_BYTES = 18;

    private static final long BROADCAST = 0xffff_ffff_ffffL;
    /** Of an address as {@link #address} reads it: in its first byte. */
    private static final long MULTICAST_BIT = 1L << 40;

    private static final ValueLayout.OfShort BE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt BE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    /** What there is one of; by ordinal a bit. The order is that of VIRTIO_NET_CTRL_RX's commands. */
    public enum Mode {
        /** All packets. */            PROMISCUOUS,
        /** All multicast packets. */  ALL_MULTICAST,
        /** All unicast packets. */    ALL_UNICAST,
        /** No multicast packets. */   NO_MULTICAST,
        /** No unicast packets. */     NO_UNICAST,
        /** No broadcast packets. */   NO_BROADCAST;

        private static final Mode[] ALL = values();

        int bit() {
            return 1 << ordinal();
        }

        /** By the command's number, or {@code null}. */
        static Mode of(int command) {
            return command < ALL.length ? ALL[command] : null;
        }
    }

    private final long mac;
    private final int modes;
    private final long[] unicast;
    private final boolean unicastOverflow;
    private final long[] multicast;
    private final boolean multicastOverflow;
    /** A bit for each, or {@code null} for all. */
    private final long[] vlans;

    private ReceiveFilter(
            long mac, int modes, long[] unicast, boolean unicastOverflow, long[] multicast, boolean multicastOverflow,
            long[] vlans) {
        this.mac = mac;
        this.modes = modes;
        this.unicast = unicast;
        this.unicastOverflow = unicastOverflow;
        this.multicast = multicast;
        this.multicastOverflow = multicastOverflow;
        this.vlans = vlans;
    }

    /**
     * What holds before the driver has said anything: promiscuous (§5.1.6.5.1).
     *
     * @param mac         the device's, big-endian in the low 48 bits
     * @param filterVlans whether VIRTIO_NET_F_CTRL_VLAN was negotiated: then no VLAN's packets pass until it is added; else all do
     */
    static ReceiveFilter initial(long mac, boolean filterVlans) {
        return new ReceiveFilter(mac, Mode.PROMISCUOUS.bit(), new long[0], false, new long[0], false,
            filterVlans ? new long[VLANS / Long.SIZE] : null);
    }

    ReceiveFilter withMac(long address) {
        return new ReceiveFilter(address, modes, unicast, unicastOverflow, multicast, multicastOverflow, vlans);
    }

    ReceiveFilter with(Mode mode, boolean on) {
        int changed = on ? modes | mode.bit() : modes & ~mode.bit();
        return new ReceiveFilter(mac, changed, unicast, unicastOverflow, multicast, multicastOverflow, vlans);
    }

    /** @param unicasts those kept, or {@code null} where there were too many; {@code multicasts} likewise */
    ReceiveFilter withTables(long[] unicasts, long[] multicasts) {
        return new ReceiveFilter(mac, modes,
            unicasts == null ? new long[0] : unicasts.clone(), unicasts == null,
            multicasts == null ? new long[0] : multicasts.clone(), multicasts == null, vlans);
    }

    /** With VIRTIO_NET_F_CTRL_VLAN only. */
    ReceiveFilter withVlan(int vlan, boolean on) {
        long[] changed = vlans.clone();
        if (on) {
            changed[vlan / Long.SIZE] |= 1L << vlan;
        } else {
            changed[vlan / Long.SIZE] &= ~(1L << vlan);
        }
        return new ReceiveFilter(mac, modes, unicast, unicastOverflow, multicast, multicastOverflow, changed);
    }

    /** Whether the guest wants a packet, by its first {@link #TAGGED_HEADER_BYTES} bytes, of which those it has not are zero. */
    boolean accepts(MemorySegment frame, long offset) {
        if (has(Mode.PROMISCUOUS)) {
            return true;
        }
        if (vlans != null && isTagged(frame, offset) && !hasVlan(frame.get(BE16, offset + TCI_OFFSET) & VLANS - 1)) {
            return false;
        }
        long destination = address(frame, offset);
        return (destination & MULTICAST_BIT) == 0 ? acceptsUnicast(destination) : acceptsMulticast(destination);
    }

    private boolean acceptsUnicast(long destination) {
        if (has(Mode.NO_UNICAST)) {
            return false;
        }
        return has(Mode.ALL_UNICAST) || unicastOverflow || destination == mac || contains(unicast, destination);
    }

    private boolean acceptsMulticast(long destination) {
        if (destination == BROADCAST) {
            return !has(Mode.NO_BROADCAST);
        }
        if (has(Mode.NO_MULTICAST)) {
            return false;
        }
        return has(Mode.ALL_MULTICAST) || multicastOverflow || contains(multicast, destination);
    }

    private static boolean contains(long[] table, long address) {
        for (long each : table) {
            if (each == address) {
                return true;
            }
        }
        return false;
    }

    static boolean isTagged(MemorySegment frame, long offset) {
        return (frame.get(BE16, offset + ETHERTYPE_OFFSET) & 0xffff) == ETHERTYPE_VLAN;
    }

    /** Six bytes, the first in the highest place. */
    static long address(MemorySegment bytes, long offset) {
        return (bytes.get(BE32, offset) & 0xffff_ffffL) << 16 | bytes.get(BE16, offset + 4) & 0xffff;
    }

    static boolean isMulticast(long address) {
        return (address & MULTICAST_BIT) != 0;
    }

    /** The address that is the guest's own, big-endian in the low 48 bits. */
    public long mac() {
        return mac;
    }

    public boolean has(Mode mode) {
        return (modes & mode.bit()) != 0;
    }

    /** The table of unicast addresses. */
    public long[] unicast() {
        return unicast.clone();
    }

    /** Whether the driver gave more unicast addresses than are kept, so that all pass. */
    public boolean unicastOverflow() {
        return unicastOverflow;
    }

    /** The table of multicast addresses. */
    public long[] multicast() {
        return multicast.clone();
    }

    /** Whether the driver gave more multicast addresses than are kept, so that all pass. */
    public boolean multicastOverflow() {
        return multicastOverflow;
    }

    /** Whether packets are kept apart by VLAN at all. */
    public boolean filtersVlans() {
        return vlans != null;
    }

    /** Whether packets of a VLAN pass. */
    public boolean hasVlan(int vlan) {
        return vlans == null || (vlans[vlan / Long.SIZE] >>> vlan & 1) != 0;
    }

    @Override
    public String toString() {
        return "ReceiveFilter(mac=" + Long.toHexString(mac) + ", modes=" + modes + ", unicast=" + Arrays.toString(unicast)
            + (unicastOverflow ? "+" : "") + ", multicast=" + Arrays.toString(multicast) + (multicastOverflow ? "+" : "") + ")";
    }
}
