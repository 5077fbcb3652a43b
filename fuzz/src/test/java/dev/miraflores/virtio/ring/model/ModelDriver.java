// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.fuzz.Choices;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A driver that can do all that the specification allows, and from {@link #misbehave} on all that it forbids. It stores
 * in {@link ModelMemory} byte by byte and reads what the device should have stored.
 */
abstract class ModelDriver {

    /** A buffer that this driver made available. */
    record Added(int id, List<Element> elements, int descriptors, int table) {
    }

    /** A buffer that came back. */
    record Used(int id, long writtenBytes) {
    }

    private static final int MAX_ELEMENTS = 8;
    static final int NO_TABLE = -1;

    final ModelMemory memory;
    final RingShape shape;
    final int size;
    final Choices choices;
    final boolean eventIdx;
    final boolean inOrder;
    /** As long as it has broken no rule. */
    boolean honest;

    final Map<Integer, Added> inFlight = new HashMap<>();
    /** With VIRTIO_F_IN_ORDER the next used element is for one of these, and all before it. */
    final Deque<Added> added = new ArrayDeque<>();
    private final Deque<Used> batch = new ArrayDeque<>();
    private final Deque<Integer> freeTables = new ArrayDeque<>();
    private int lastTable;

    ModelDriver(ModelMemory memory, RingShape shape, Choices choices) {
        this.memory = memory;
        this.shape = shape;
        this.size = shape.size();
        this.choices = choices;
        this.eventIdx = shape.has(RingFeatures.EVENT_IDX);
        this.inOrder = shape.has(RingFeatures.IN_ORDER);
        this.honest = shape.tidy();
        for (int i = 0; i < RingShape.TABLES; i++) {
            freeTables.add(i);
        }
    }

    static ModelDriver of(ModelMemory memory, RingShape shape, Choices choices) {
        return shape.packed() ? new PackedModelDriver(memory, shape, choices)
            : new SplitModelDriver(memory, shape, choices);
    }

    // What the specification allows.

    /** Adds a buffer, if there is room, which the device may see only after {@link #publish}; answers what, or null. */
    final Added add() {
        List<Element> elements = elements();
        boolean indirect = shape.has(RingFeatures.INDIRECT_DESC) && !freeTables.isEmpty() && choices.oneIn(3);
        int direct = indirect ? directBefore(elements.size()) : elements.size();
        if (elements.size() > size || direct + (indirect ? 1 : 0) > freeDescriptors()) {
            return null;
        }
        int table = indirect ? freeTables.remove() : NO_TABLE;
        lastTable = indirect ? table : lastTable;
        Added buffer = put(elements, direct, table);
        inFlight.put(buffer.id, buffer);
        if (inOrder) {
            added.add(buffer);
        }
        return buffer;
    }

    /** How many descriptors come before the one that refers to a table. */
    abstract int directBefore(int elements);

    abstract int freeDescriptors();

    abstract Added put(List<Element> elements, int direct, int table);

    /** Lets the device see what was added; answers whether it asked for a notification of that. */
    abstract boolean publish();

    /** The next buffer that the device used, or null. */
    final Used poll() {
        if (batch.isEmpty()) {
            Used next = nextUsed();
            if (next == null) {
                return null;
            }
            if (inOrder && honest) {
                // §2.7.9, §2.8.8: those before it in the batch were used too, and written in full.
                for (Added first = added.remove(); first.id != next.id; first = added.remove()) {
                    batch.add(new Used(first.id, Element.bytes(first.elements, true)));
                    skip(first);
                }
                skip(inFlight.get(next.id));
            } else if (inFlight.containsKey(next.id)) {
                skip(inFlight.get(next.id));
            } else if (!skipUnknown()) {
                return null;
            }
            batch.add(next);
        }
        Used used = batch.remove();
        Added buffer = inFlight.remove(used.id);
        if (buffer != null) {
            release(buffer);
            if (buffer.table != NO_TABLE) {
                freeTables.add(buffer.table);
            }
        } else if (honest) {
            throw new AssertionError("used and not in flight: " + used);
        }
        return used;
    }

    /** How many are used that {@link #poll} was not asked for; in buffers, or for a packed queue in descriptors. */
    abstract int usedAndNotSeen();

    /** The next used element, which stays where it is. */
    abstract Used nextUsed();

    /** The place of this buffer's used element has been seen. */
    abstract void skip(Added buffer);

    /** A used element that no buffer belongs to, which a device is made to write by a driver that misbehaved. */
    abstract boolean skipUnknown();

    abstract void release(Added buffer);

    /**
     * Asks for a notification once {@code count} of those in flight are used, in buffers, or for a packed queue in
     * descriptors; without VIRTIO_F_EVENT_IDX with the next one.
     */
    abstract void askForNotification(int count);

    abstract void suppressNotifications();

    private List<Element> elements() {
        int readable = choices.below(MAX_ELEMENTS / 2);
        int writable = choices.below(MAX_ELEMENTS / 2);
        if (choices.oneIn(64)) {
            readable = Math.min(size, 64); // long ones, in small queues of Queue Size
        }
        List<Element> elements = new ArrayList<>();
        long left = ReferenceDevice.MAX_BUFFER_BYTES;
        for (int i = 0; i < Math.max(1, readable + writable); i++) {
            Element element = element(i >= readable, left);
            left -= element.byteSize();
            elements.add(element);
        }
        return elements;
    }

    /** Anywhere that is no ring and no table, over other buffers as well. */
    private Element element(boolean writable, long mostBytes) {
        int place = choices.below(memory.hasHuge ? 8 : 6);
        long base = place < 4 ? RingShape.BUFFERS_GPA : place == 4 ? memory.lowBytes : ModelMemory.APART_GPA;
        long end = place < 4 ? RingShape.BUFFERS_END : base + ModelMemory.PAGE_BYTES;
        if (place > 5) {
            // Few pages in all, since those that are stored in stay with the process.
            long gpa = ModelMemory.HUGE_GPA + choices.below(0x4000);
            long length = choices.among(0, 512, 0x7FFF_FFFFL, 0x8000_0000L, 0x8000_0001L, 0xFFFF_FFFFL);
            return new Element(gpa, Math.min(length, Math.min(mostBytes, 0xFFFF_FFFFL)), writable);
        }
        long gpa = base + choices.below((int) (end - base) + 1);
        long length = choices.oneIn(4) ? end - gpa : choices.among(0, 1, 16, 512, choices.below(0x1000));
        return new Element(gpa, Math.min(length, Math.min(mostBytes, end - gpa)), writable);
    }

    final long tableGpa(int table) {
        return RingShape.TABLES_GPA + 16L * RingShape.TABLE_ENTRIES * table;
    }

    // What it forbids.

    private static final long[] ADDRESSES = {RingShape.BUFFERS_GPA, RingShape.TABLES_GPA, 0x1000, 0x2000, 0x3000, 0,
        RingShape.SMALL_BYTES, RingShape.SMALL_BYTES - 16, ModelMemory.APART_GPA, ModelMemory.APART_GPA - 1,
        ModelMemory.APART_GPA + ModelMemory.PAGE_BYTES, ModelMemory.HUGE_GPA, ModelMemory.HUGE_GPA + (1L << 32),
        ModelMemory.HUGE_GPA + ModelMemory.HUGE_BYTES, Long.MAX_VALUE, Long.MIN_VALUE, -1, -16};
    private static final long[] LENGTHS = {0, 1, 15, 16, 17, 32, 48, 256, 0x1000, 0x10_0000, 0x10_0010, 0x7FFF_FFFFL,
        0x8000_0000L, 0x8000_0001L, 0xFFFF_FFF0L, 0xFFFF_FFFFL};
    private static final int[] FLAGS = {0, 1, 2, 3, 4, 5, 6, 1, 1, 3};

    /** Does one thing that the specification forbids, or that makes no sense. */
    final void misbehave() {
        honest = false;
        switch (choices.below(8)) {
            case 0, 1 -> storeAnyDescriptor(shape.geometry().descGpa() + 16L * choices.below(size));
            case 2 -> storeAnyDescriptor(tableGpa(anyTable()) + 16L * choices.below(3));
            case 3 -> scribble(shape.geometry().driverGpa(), shape.packed() ? 4 : 6 + 2 * size);
            case 4 -> scribble(shape.geometry().deviceGpa(), shape.packed() ? 4 : 6 + 8 * size);
            case 5 -> scribble(shape.geometry().descGpa(), 16 * size);
            case 6 -> exposeAnything();
            default -> jump();
        }
    }

    /** Rather one that is in use. */
    private int anyTable() {
        return choices.oneIn(4) ? choices.below(RingShape.TABLES) : lastTable;
    }

    private void storeAnyDescriptor(long at) {
        memory.driverStores(at, 8, anyAddress());
        memory.driverStores(at + 8, 4, anyLength());
        memory.driverStores(at + 12, 2, choices.oneIn(16) ? choices.number(2) : choices.below(size + 1));
        memory.driverStores(at + 14, 2, choices.oneIn(16) ? choices.number(2) : choices.below(size + 1));
        storeAnyFlags(at);
    }

    abstract void storeAnyFlags(long at);

    final int anyFlags() {
        return choices.oneIn(32) ? (int) choices.number(2) : FLAGS[choices.below(FLAGS.length)];
    }

    final long anyAddress() {
        return choices.among(ADDRESSES) + (choices.oneIn(2) ? choices.below(0x100) : 0);
    }

    final long anyLength() {
        return choices.oneIn(4) ? choices.number(4) : choices.among(LENGTHS);
    }

    private void scribble(long gpa, int byteSize) {
        memory.driverStores(gpa + choices.below(byteSize), 1 << choices.below(4), choices.number(8));
    }

    /** Makes something available that is no buffer of this driver's. */
    abstract void exposeAnything();

    /** Claims to have made more available than there is, or less than there was. */
    abstract void jump();

    /** After it has broken rules: takes descriptors of buffers that are in flight for free ones. */
    final void forget() {
        inFlight.clear();
        added.clear();
        batch.clear();
        reset();
        freeTables.clear();
        for (int i = 0; i < RingShape.TABLES; i++) {
            freeTables.add(i);
        }
    }

    abstract void reset();

    final void assertAllBack() {
        assertEquals(0, inFlight.size());
        assertEquals(size, freeDescriptors());
    }
}
