// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.fuzz.Choices;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Source: virtio 1.3 §2.7.13, §2.7.14. */
final class SplitModelDriver extends ModelDriver {

    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;

    private final long descriptors;
    private final long avail;
    private final long used;
    /** In any order; with VIRTIO_F_IN_ORDER in ring order (§2.7.9). */
    private final List<Integer> free = new ArrayList<>();
    private final java.util.Map<Integer, int[]> placesOf = new java.util.HashMap<>();

    private int idx;
    private int exposedIdx;
    private int askedIdx;
    private int seenUsedIdx;

    SplitModelDriver(ModelMemory memory, RingShape shape, Choices choices) {
        super(memory, shape, choices);
        this.descriptors = shape.geometry().descGpa();
        this.avail = shape.geometry().driverGpa();
        this.used = shape.geometry().deviceGpa();
        this.idx = shape.position() & 0xFFFF;
        this.exposedIdx = idx;
        this.askedIdx = idx;
        this.seenUsedIdx = idx;
        // As if all before that position had been used: idx, used_event, idx, avail_event.
        memory.driverStores(avail + 2, 2, idx);
        memory.driverStores(avail + 4 + 2L * size, 2, idx);
        memory.driverStores(used + 2, 2, idx);
        memory.driverStores(used + 4 + 8L * size, 2, idx);
        reset();
    }

    @Override
    void reset() {
        free.clear();
        placesOf.clear();
        for (int i = 0; i < size; i++) {
            free.add(i);
        }
    }

    private static int next(int idx) {
        return (idx + 1) % 65536;
    }

    @Override
    int directBefore(int elements) {
        // Before the one that refers to a table there may be others (§2.7.5.3); at least one element is in the table.
        int direct = choices.oneIn(4) ? choices.below(elements) : 0;
        return elements - direct > RingShape.TABLE_ENTRIES ? elements - RingShape.TABLE_ENTRIES : direct;
    }

    @Override
    int freeDescriptors() {
        return free.size();
    }

    private int takeFree() {
        return free.remove(inOrder ? 0 : choices.oneIn(2) ? choices.below(free.size()) : free.size() - 1);
    }

    @Override
    Added put(List<Element> elements, int direct, int table) {
        int count = direct + (table == NO_TABLE ? 0 : 1);
        int[] places = new int[count];
        for (int i = 0; i < count; i++) {
            places[i] = takeFree();
        }
        for (int i = 0; i < count; i++) {
            int next = i + 1 < count ? places[i + 1] : 0;
            int flags = i + 1 < count ? NEXT : 0;
            if (i == direct) {
                int entries = entries(elements.size() - direct);
                // WRITE means nothing here (§2.7.5.3.2).
                store(descriptors, places[i], tableGpa(table), 16L * entries, INDIRECT | (choices.oneIn(2) ? WRITE : 0), 0);
                fill(tableGpa(table), entries, elements.subList(direct, elements.size()));
            } else {
                Element element = elements.get(i);
                store(descriptors, places[i], element.gpa(), element.byteSize(), flags | write(element), next);
            }
        }
        placesOf.put(places[0], places);
        memory.driverStores(avail + 4 + 2L * (idx % size), 2, places[0]);
        idx = next(idx);
        return new Added(places[0], elements, count, table);
    }

    /** A table may have more entries than its chain. */
    private int entries(int needed) {
        return inOrder ? needed : needed + choices.below(RingShape.TABLE_ENTRIES - needed + 1);
    }

    private void fill(long table, int entries, List<Element> elements) {
        List<Integer> order = new ArrayList<>();
        for (int i = 1; i < entries; i++) {
            order.add(i);
        }
        if (!inOrder) {
            Collections.rotate(order, choices.below(entries));
        }
        order.addFirst(0);
        for (int i = 0; i < elements.size(); i++) {
            boolean more = i + 1 < elements.size();
            Element element = elements.get(i);
            store(table, order.get(i), element.gpa(), element.byteSize(), write(element) | (more ? NEXT : 0),
                more ? order.get(i + 1) : 0);
        }
    }

    private static int write(Element element) {
        return element.writable() ? WRITE : 0;
    }

    private void store(long table, int index, long gpa, long byteSize, int flags, int next) {
        long at = table + 16L * index;
        memory.driverStores(at, 8, gpa);
        memory.driverStores(at + 8, 4, byteSize);
        memory.driverStores(at + 12, 2, flags);
        memory.driverStores(at + 14, 2, next);
    }

    @Override
    boolean publish() {
        if (exposedIdx != idx) {
            memory.driverStores(avail + 2, 2, idx);
            exposedIdx = idx;
        }
        int availEvent = (int) memory.number(used + 4 + 8L * size, 2);
        // §2.7.10.1: with EVENT_IDX when the entry at avail_event is among those exposed, else by the device's flags.
        boolean notify = !eventIdx && askedIdx != idx && memory.number(used, 2) % 2 == 0;
        for (; askedIdx != idx; askedIdx = next(askedIdx)) {
            notify |= eventIdx && askedIdx == availEvent;
        }
        return notify;
    }

    private int usedIdx() {
        return (int) memory.number(used + 2, 2);
    }

    @Override
    int usedAndNotSeen() {
        int count = 0;
        for (int i = seenUsedIdx; i != usedIdx(); i = next(i)) {
            count++;
        }
        return count;
    }

    @Override
    Used nextUsed() {
        if (seenUsedIdx == usedIdx()) {
            return null;
        }
        long at = used + 4 + 8L * (seenUsedIdx % size);
        return new Used((int) memory.number(at, 4), memory.number(at + 4, 4));
    }

    @Override
    void skip(Added buffer) {
        seenUsedIdx = next(seenUsedIdx);
    }

    @Override
    boolean skipUnknown() {
        seenUsedIdx = next(seenUsedIdx);
        return true;
    }

    @Override
    void release(Added buffer) {
        int[] places = placesOf.remove(buffer.id());
        for (int place : places) {
            free.add(place);
        }
    }

    @Override
    void askForNotification(int count) {
        if (eventIdx) {
            memory.driverStores(avail + 4 + 2L * size, 2, (seenUsedIdx + count - 1) % 65536);
        } else {
            memory.driverStores(avail, 2, 0);
        }
    }

    @Override
    void suppressNotifications() {
        if (eventIdx) {
            memory.driverStores(avail + 4 + 2L * size, 2, (seenUsedIdx + 65535) % 65536);
        } else {
            memory.driverStores(avail, 2, 1);
        }
    }

    @Override
    void storeAnyFlags(long at) {
        memory.driverStores(at + 12, 2, anyFlags());
    }

    @Override
    void exposeAnything() {
        memory.driverStores(avail + 4 + 2L * (idx % size), 2, choices.oneIn(64) ? choices.number(2) : choices.below(size));
        idx = next(idx);
    }

    @Override
    void jump() {
        idx = choices.oneIn(4) ? (int) choices.number(2) : (idx + 65536 + choices.below(2 * size + 1) - size) % 65536;
    }
}
