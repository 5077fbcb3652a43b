// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.QueueGeometry;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Source: virtio 1.3 §2.7. */
final class ReferenceSplit extends ReferenceDevice {

    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;

    /** Counts buffers, without a wrap. */
    private long nextAvail;
    /** The driver's idx as it was last looked at: what it exposed before it stays exposed. */
    private int seenIdx;
    private long used;
    private long published;
    private long asked;
    private long slot;

    ReferenceSplit(ModelMemory memory, QueueGeometry geometry, long features, int position) {
        super(memory, geometry, features);
        this.nextAvail = position & 0xFFFF;
        this.seenIdx = position & 0xFFFF;
        this.used = nextAvail;
        this.published = nextAvail;
        this.asked = nextAvail;
    }

    private int driverIdx() {
        return (int) memory.number(driverArea + 2, 2);
    }

    private static int u16(long count) {
        return (int) (count % 65536);
    }

    @Override
    Outcome next() {
        if (seenIdx == u16(nextAvail)) {
            seenIdx = driverIdx();
            int exposed = 0;
            while (u16(nextAvail + exposed) != seenIdx) {
                exposed++;
            }
            if (exposed > size - inFlight) {
                return new Outcome.Ended(DriverFault.AVAIL_IDX_JUMPED);
            }
            if (exposed == 0) {
                return Outcome.NOTHING;
            }
        }
        int head = (int) memory.number(driverArea + 4 + 2 * (nextAvail % size), 2);
        if (head >= size) {
            return new Outcome.Ended(DriverFault.HEAD_OUT_OF_RANGE);
        }
        nextAvail++;
        return chain(head);
    }

    /** §2.7.5 and §2.7.5.3, as far as the chain can be followed. */
    private Outcome chain(int head) {
        Set<DriverFault> broken = EnumSet.noneOf(DriverFault.class);
        List<Element> elements = none();
        long table = descriptorArea;
        long entries = size;
        long index = head;
        boolean inTable = false;
        while (true) {
            long addr = memory.number(table + 16 * index, 8);
            long len = memory.number(table + 16 * index + 8, 4);
            int flags = (int) memory.number(table + 16 * index + 12, 2);
            long next = memory.number(table + 16 * index + 14, 2);
            if ((flags & INDIRECT) != 0) {
                checkReference(addr, len, flags, inTable, broken);
                checkTotal(elements, broken);
                if (!broken.isEmpty()) {
                    break;
                }
                table = addr;
                entries = len / 16;
                index = 0;
                inTable = true;
                continue;
            }
            if (elements.size() == size) {
                broken.add(DriverFault.CHAIN_TOO_LONG);
                break;
            }
            Element element = new Element(addr, len, (flags & WRITE) != 0);
            checkElement(elements, element, broken);
            elements.add(element);
            if ((flags & NEXT) == 0) {
                break;
            }
            if (next >= entries) {
                broken.add(DriverFault.NEXT_OUT_OF_RANGE);
                break;
            }
            index = next;
        }
        checkTotal(elements, broken);
        return new Outcome.Buffer(head, broken, elements);
    }

    private void checkReference(long addr, long len, int flags, boolean inTable, Set<DriverFault> broken) {
        if (!indirect) {
            broken.add(DriverFault.INDIRECT_NOT_NEGOTIATED);
        }
        if (inTable) {
            broken.add(DriverFault.INDIRECT_IN_INDIRECT);
        }
        if ((flags & NEXT) != 0) {
            broken.add(DriverFault.INDIRECT_WITH_NEXT);
        }
        if (len == 0 || len % 16 != 0 || len / 16 > 65536) {
            broken.add(DriverFault.INDIRECT_LENGTH_INVALID);
        }
        if (!memory.has(addr, len)) {
            broken.add(DriverFault.INDIRECT_OUTSIDE_MEMORY);
        }
    }

    @Override
    boolean hasAvailable() {
        return ended == null && (seenIdx != u16(nextAvail) || driverIdx() != u16(nextAvail));
    }

    @Override
    void writeUsed(int id, long writtenBytes, boolean inPlaceOfLast) {
        slot = inPlaceOfLast ? slot : used;
        memory.deviceStores(deviceArea + 4 + 8 * (slot % size), 4, id);
        memory.deviceStores(deviceArea + 8 + 8 * (slot % size), 4, writtenBytes);
        used++;
        inFlight--;
    }

    @Override
    boolean writePublished() {
        if (published == used) {
            return false;
        }
        memory.deviceStores(deviceArea + 2, 2, u16(used));
        published = used;
        return true;
    }

    @Override
    Due ask() {
        if (asked == used) {
            return Due.NO;
        }
        // §2.7.7.2: with EVENT_IDX when the entry at used_event is among those written, else by the driver's flags.
        int usedEvent = (int) memory.number(driverArea + 4 + 2L * size, 2);
        boolean due = !eventIdx && memory.number(driverArea, 2) % 2 == 0;
        for (; asked != used; asked++) {
            due |= eventIdx && u16(asked) == usedEvent;
        }
        return due ? Due.YES : Due.NO;
    }

    @Override
    void disableNotifications() {
        if (!eventIdx) {
            memory.deviceStores(deviceArea, 2, 1);
        }
    }

    @Override
    boolean enableNotifications() {
        if (ended != null) {
            return false;
        }
        memory.deviceStores(eventIdx ? deviceArea + 4 + 8L * size : deviceArea, 2, eventIdx ? u16(nextAvail) : 0);
        return driverIdx() != u16(nextAvail);
    }
}
