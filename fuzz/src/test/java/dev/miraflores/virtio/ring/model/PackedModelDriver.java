// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.fuzz.Choices;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;

/** Source: virtio 1.3 §2.8.21, §2.8.22. */
final class PackedModelDriver extends ModelDriver {

    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    private static final int AVAIL = 1 << 7;
    private static final int USED = 1 << 15;

    private final long ring;
    private final long driverEvent;
    private final long deviceEvent;
    private final Deque<Integer> freeIds = new ArrayDeque<>();

    /** Counted from the first round on, as by {@link ReferencePacked}. */
    private long place;
    private long askedPlace;
    private long usedPlace;
    private int free;
    /** Of what was not published: where the first one is, whose flags are stored last. */
    private long heldAt = -1;
    private int heldFlags;

    PackedModelDriver(ModelMemory memory, RingShape shape, Choices choices) {
        super(memory, shape, choices);
        this.ring = shape.geometry().descGpa();
        this.driverEvent = shape.geometry().driverGpa();
        this.deviceEvent = shape.geometry().deviceGpa();
        int index = shape.position() & 0x7FFF;
        this.place = index + ((shape.position() & 0x8000) != 0 ? 0 : size);
        this.askedPlace = place;
        this.usedPlace = place;
        for (int i = 0; i < size; i++) {
            // Those before the position were used in this round, the others in the one before.
            memory.driverStores(ring + 16L * i + 14, 2, wrapAt(place) == i < index ? AVAIL | USED : 0);
        }
        reset();
    }

    @Override
    void reset() {
        free = size;
        List<Integer> ids = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            ids.add(i);
        }
        Collections.rotate(ids, choices.below(size));
        freeIds.clear();
        freeIds.addAll(ids);
    }

    private boolean wrapAt(long place) {
        return place / size % 2 == 0;
    }

    private long at(long place) {
        return ring + 16 * (place % size);
    }

    /** §2.8.19: none. */
    @Override
    int directBefore(int elements) {
        return elements > RingShape.TABLE_ENTRIES ? size : 0;
    }

    @Override
    int freeDescriptors() {
        return free;
    }

    @Override
    Added put(List<Element> elements, int direct, int table) {
        int id = freeIds.remove();
        if (table != NO_TABLE) {
            for (int i = 0; i < elements.size(); i++) {
                Element element = elements.get(i);
                // Only WRITE means something in a table, and no id does (§2.8.7).
                store(tableGpa(table) + 16L * i, element.gpa(), element.byteSize(), (int) choices.number(2));
                memory.driverStores(tableGpa(table) + 16L * i + 14, 2, element.writable() ? WRITE : 0);
            }
            append(tableGpa(table), 16L * elements.size(), id, INDIRECT);
            return new Added(id, elements, 1, table);
        }
        for (int i = 0; i < elements.size(); i++) {
            Element element = elements.get(i);
            boolean last = i + 1 == elements.size();
            // The id of the last one counts (§2.8.6).
            append(element.gpa(), element.byteSize(), last ? id : (int) choices.number(2),
                (element.writable() ? WRITE : 0) | (last ? 0 : NEXT));
        }
        return new Added(id, elements, elements.size(), NO_TABLE);
    }

    private void store(long at, long gpa, long byteSize, int id) {
        memory.driverStores(at, 8, gpa);
        memory.driverStores(at + 8, 4, byteSize);
        memory.driverStores(at + 12, 2, id);
    }

    private int available(long place) {
        return wrapAt(place) ? AVAIL : USED;
    }

    private void append(long gpa, long byteSize, int id, int flags) {
        store(at(place), gpa, byteSize, id);
        if (heldAt < 0) {
            heldAt = at(place);
            heldFlags = flags | available(place);
        } else {
            memory.driverStores(at(place) + 14, 2, flags | available(place));
        }
        place++;
        free--;
    }

    @Override
    boolean publish() {
        if (heldAt >= 0) {
            memory.driverStores(heldAt + 14, 2, heldFlags);
            heldAt = -1;
        }
        long from = askedPlace;
        askedPlace = place;
        // §2.8.10, §2.8.14: the device's event suppression structure.
        long desc = memory.number(deviceEvent, 2);
        int flags = (int) memory.number(deviceEvent + 2, 2) & 3;
        if (flags != 2 || !eventIdx) {
            return from != place && flags != 1;
        }
        boolean notify = false;
        for (long each = from; each < place; each++) {
            notify |= each % size == (desc & 0x7FFF) && wrapAt(each) == ((desc & 0x8000) != 0);
        }
        return notify;
    }

    private Used usedAt(long place) {
        int flags = (int) memory.number(at(place) + 14, 2);
        if ((flags & AVAIL) != 0 != wrapAt(place) || (flags & USED) != 0 != wrapAt(place)) {
            return null;
        }
        // Without WRITE the length means nothing (§2.8.4).
        return new Used((int) memory.number(at(place) + 12, 2), (flags & WRITE) != 0 ? memory.number(at(place) + 8, 4) : 0);
    }

    @Override
    int usedAndNotSeen() {
        long each = usedPlace;
        Deque<Added> inOrderLeft = new ArrayDeque<>(added);
        for (Used used; each < usedPlace + size - free && (used = usedAt(each)) != null;) {
            if (!inOrder) {
                each += inFlight.get(used.id()).descriptors();
                continue;
            }
            for (Added first = inOrderLeft.remove(); ; first = inOrderLeft.remove()) {
                each += first.descriptors();
                if (first.id() == used.id()) {
                    break;
                }
            }
        }
        return (int) (each - usedPlace);
    }

    @Override
    Used nextUsed() {
        return free == size ? null : usedAt(usedPlace);
    }

    @Override
    void skip(Added buffer) {
        usedPlace += buffer.descriptors();
    }

    @Override
    boolean skipUnknown() {
        return false; // how many descriptors it stands for nobody knows
    }

    @Override
    void release(Added buffer) {
        free += buffer.descriptors();
        freeIds.add(buffer.id());
    }

    @Override
    void askForNotification(int count) {
        long event = usedPlace + count - 1;
        long desc = event % size | (wrapAt(event) ? 0x8000 : 0);
        memory.driverStores(driverEvent, 4, eventIdx ? desc | 2 << 16 : 0);
    }

    @Override
    void suppressNotifications() {
        memory.driverStores(driverEvent, 4, 1 << 16);
    }

    @Override
    void storeAnyFlags(long at) {
        memory.driverStores(at + 14, 2, anyFlags() | available(place));
    }

    /** With the flags that make it available where the device looks next. */
    @Override
    void exposeAnything() {
        memory.driverStores(at(place), 8, anyAddress());
        memory.driverStores(at(place) + 8, 4, anyLength());
        memory.driverStores(at(place) + 12, 2, choices.oneIn(64) ? choices.number(2) : choices.below(size));
        memory.driverStores(at(place) + 14, 2, anyFlags() | available(place));
        place++;
    }

    @Override
    void jump() {
        place = Math.max(0, place + choices.below(2 * size + 1) - size);
        usedPlace = choices.oneIn(4) ? place : usedPlace;
    }
}
