// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.QueueGeometry;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Source: virtio 1.3 §2.8. */
final class ReferencePacked extends ReferenceDevice {

    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    private static final int AVAIL = 1 << 7;
    private static final int USED = 1 << 15;

    /** Places in the ring, counted from the first round on: {@code place % size} is the index, the round has the counter. */
    private long availPlace;
    private long usedPlace;
    private long askedPlace;
    /** Descriptors of each buffer in flight, by its id. */
    private final Map<Integer, Integer> descriptors = new HashMap<>();
    /** The used descriptor that the driver finds first: its flags are written last (§2.8.2). */
    private long heldIndex = -1;
    private int heldFlags;
    private long slotPlace;

    ReferencePacked(ModelMemory memory, QueueGeometry geometry, long features, int position) {
        super(memory, geometry, features);
        int index = position & 0x7FFF;
        // An even round has the wrap counter 1, with which drivers and devices start (§2.8.1).
        this.availPlace = index + ((position & 0x8000) != 0 ? 0 : size);
        this.usedPlace = availPlace;
        this.askedPlace = availPlace;
    }

    private boolean wrapAt(long place) {
        return place / size % 2 == 0;
    }

    private long at(long place) {
        return descriptorArea + 16 * (place % size);
    }

    /** §2.8.1: AVAIL equals the wrap counter, and USED does not. */
    private boolean isAvailable(long place) {
        long flags = memory.number(at(place) + 14, 2);
        return (flags & AVAIL) != 0 == wrapAt(place) && (flags & USED) != 0 != wrapAt(place);
    }

    private int descriptorsInFlight() {
        return descriptors.values().stream().mapToInt(Integer::intValue).sum();
    }

    @Override
    Outcome next() {
        if (!isAvailable(availPlace)) {
            return Outcome.NOTHING;
        }
        Set<DriverFault> broken = EnumSet.noneOf(DriverFault.class);
        List<Element> elements = none();
        int left = size - descriptorsInFlight();
        int count = 0;
        long place = availPlace;
        while (true) {
            if (count == left || !isAvailable(place)) {
                return new Outcome.Ended(DriverFault.LIST_UNENDED);
            }
            int flags = (int) memory.number(at(place) + 14, 2);
            long addr = memory.number(at(place), 8);
            long len = memory.number(at(place) + 8, 4);
            if ((flags & INDIRECT) != 0) {
                refer(addr, len, count > 0 || (flags & NEXT) != 0, broken, elements);
            } else {
                Element element = new Element(addr, len, (flags & WRITE) != 0);
                checkElement(elements, element, broken);
                elements.add(element);
            }
            count++;
            if ((flags & NEXT) == 0) {
                break;
            }
            place++;
        }
        checkTotal(elements, broken);
        int id = (int) memory.number(at(place) + 12, 2);
        if (id >= size || descriptors.containsKey(id)) {
            return new Outcome.Ended(DriverFault.BUFFER_ID_INVALID);
        }
        descriptors.put(id, count);
        availPlace += count;
        return new Outcome.Buffer(id, broken, elements);
    }

    /** §2.8.7: all entries of the table, of whose flags only WRITE counts. */
    private void refer(long addr, long len, boolean inList, Set<DriverFault> broken, List<Element> elements) {
        if (!indirect) {
            broken.add(DriverFault.INDIRECT_NOT_NEGOTIATED);
        }
        if (inList) {
            broken.add(DriverFault.INDIRECT_WITH_NEXT);
        }
        if (len == 0 || len % 16 != 0) {
            broken.add(DriverFault.INDIRECT_LENGTH_INVALID);
        }
        if (len / 16 > size) {
            broken.add(DriverFault.CHAIN_TOO_LONG);
        }
        if (!memory.has(addr, len)) {
            broken.add(DriverFault.INDIRECT_OUTSIDE_MEMORY);
        }
        for (long entry = 0; broken.isEmpty() && entry < len / 16; entry++) {
            long at = addr + 16 * entry;
            Element element = new Element(memory.number(at, 8), memory.number(at + 8, 4),
                (memory.number(at + 14, 2) & WRITE) != 0);
            checkElement(elements, element, broken);
            elements.add(element);
            checkTotal(elements, broken);
        }
    }

    @Override
    boolean hasAvailable() {
        return ended == null && isAvailable(availPlace);
    }

    @Override
    void writeUsed(int id, long writtenBytes, boolean inPlaceOfLast) {
        slotPlace = inPlaceOfLast ? slotPlace : usedPlace;
        int flags = (wrapAt(slotPlace) ? AVAIL | USED : 0) | (writtenBytes != 0 ? WRITE : 0);
        memory.deviceStores(at(slotPlace) + 8, 4, writtenBytes);
        memory.deviceStores(at(slotPlace) + 12, 2, id);
        if (heldIndex < 0 || heldIndex == slotPlace % size) {
            heldIndex = slotPlace % size;
            heldFlags = flags;
        } else {
            memory.deviceStores(at(slotPlace) + 14, 2, flags);
        }
        usedPlace += descriptors.remove(id);
        inFlight--;
    }

    @Override
    boolean writePublished() {
        if (heldIndex < 0) {
            return false;
        }
        memory.deviceStores(at(heldIndex) + 14, 2, heldFlags);
        heldIndex = -1;
        return true;
    }

    @Override
    Due ask() {
        long from = askedPlace;
        askedPlace = usedPlace;
        if (from == usedPlace) {
            return Due.NO;
        }
        // §2.8.10, §2.8.14: the driver's event suppression structure.
        long desc = memory.number(driverArea, 2);
        int flags = (int) memory.number(driverArea + 2, 2) & 3;
        if (flags == 1) {
            return Due.NO;
        }
        if (flags == 0) {
            return Due.YES;
        }
        if (flags == 3 || !eventIdx) {
            return Due.YES; // reserved: a notification too many does no harm
        }
        if ((desc & 0x7FFF) >= size) {
            return Due.EITHER; // no place in the ring
        }
        Due due = Due.NO;
        for (long place = from; place < usedPlace; place++) {
            if (place % size == (desc & 0x7FFF) && wrapAt(place) == ((desc & 0x8000) != 0)) {
                // More than a round ago the same bits may have meant the round before: a driver that waits has seen it.
                due = usedPlace - place <= size ? Due.YES : Due.EITHER;
            }
        }
        return due;
    }

    @Override
    void disableNotifications() {
        memory.deviceStores(deviceArea, 4, 1 << 16);
    }

    @Override
    boolean enableNotifications() {
        long desc = availPlace % size | (wrapAt(availPlace) ? 0x8000 : 0);
        memory.deviceStores(deviceArea, 4, eventIdx ? desc | 2 << 16 : 0);
        return hasAvailable();
    }
}
