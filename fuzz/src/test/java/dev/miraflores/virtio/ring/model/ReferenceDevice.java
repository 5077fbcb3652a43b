// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.QueueGeometry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * The device's side of a virtqueue as the specification has it, for being obviously right: a byte at a time, a list
 * where there is a list, a loop over all indices where the text compares two. It shares no line with the code under
 * test but the names of the faults and of the geometry.
 * <p>Source: virtio 1.3 §2.7 and §2.8.
 */
abstract class ReferenceDevice {

    /** Whether a used buffer notification is due; {@code EITHER} where the driver's wish makes no sense. */
    enum Due { YES, NO, EITHER }

    private static final int F_IN_ORDER = 35;
    private static final int F_INDIRECT = 28;
    private static final int F_EVENT_IDX = 29;
    private static final int F_PACKED = 34;
    /** §2.7.5.2. */
    static final long MAX_BUFFER_BYTES = 1L << 32;

    final ModelMemory memory;
    final int size;
    final long descriptorArea;
    final long driverArea;
    final long deviceArea;
    final boolean eventIdx;
    final boolean indirect;
    private final boolean inOrder;
    DriverFault ended;
    /** Buffers popped whose used element is not written yet. */
    int inFlight;

    /** With VIRTIO_F_IN_ORDER: what is in flight, in the order in which it was made available. */
    private final Deque<Pending> pending = new ArrayDeque<>();
    private boolean lastWasFull;

    private static final class Pending {
        private final int id;
        private final long writable;
        private boolean done;
        private long written;

        private Pending(int id, long writable) {
            this.id = id;
            this.writable = writable;
        }
    }

    ReferenceDevice(ModelMemory memory, QueueGeometry geometry, long features) {
        this.memory = memory;
        this.size = geometry.size();
        this.descriptorArea = geometry.descGpa();
        this.driverArea = geometry.driverGpa();
        this.deviceArea = geometry.deviceGpa();
        this.eventIdx = has(features, F_EVENT_IDX);
        this.indirect = has(features, F_INDIRECT);
        this.inOrder = has(features, F_IN_ORDER);
    }

    private static boolean has(long features, int bit) {
        return (features >>> bit & 1) != 0;
    }

    static boolean isPacked(long features) {
        return has(features, F_PACKED);
    }

    static ReferenceDevice of(ModelMemory memory, QueueGeometry geometry, long features, int position) {
        return isPacked(features) ? new ReferencePacked(memory, geometry, features, position)
            : new ReferenceSplit(memory, geometry, features, position);
    }

    /** The rules that a driver breaks which puts a queue there: sizes and alignments of the tables in §2.7 and §2.8.11. */
    static Set<DriverFault> brokenBy(ModelMemory memory, QueueGeometry geometry, boolean packed) {
        Set<DriverFault> broken = EnumSet.noneOf(DriverFault.class);
        int size = geometry.size();
        boolean powerOfTwo = false;
        for (int power = 1; power <= 32768; power *= 2) {
            powerOfTwo |= size == power;
        }
        if (size < 1 || size > 32768 || !packed && !powerOfTwo) {
            broken.add(DriverFault.QUEUE_SIZE_INVALID);
            return broken;
        }
        part(memory, geometry.descGpa(), 16L * size, 16, broken);
        part(memory, geometry.driverGpa(), packed ? 4 : 6 + 2L * size, packed ? 4 : 2, broken);
        part(memory, geometry.deviceGpa(), packed ? 4 : 6 + 8L * size, 4, broken);
        return broken;
    }

    private static void part(ModelMemory memory, long gpa, long byteSize, int alignment, Set<DriverFault> broken) {
        if (Long.remainderUnsigned(gpa, alignment) != 0) {
            broken.add(DriverFault.QUEUE_MISALIGNED);
        }
        if (!memory.has(gpa, byteSize)) {
            broken.add(DriverFault.QUEUE_OUTSIDE_MEMORY);
        }
    }

    /** Looks for the next buffer. */
    final Outcome pop() {
        Outcome outcome = ended != null ? Outcome.NOTHING : next();
        if (outcome instanceof Outcome.Ended(DriverFault fault)) {
            ended = fault;
        }
        if (outcome instanceof Outcome.Buffer(int head, Set<DriverFault> broken, List<Element> elements)) {
            inFlight++;
            if (inOrder) {
                // The driver of a malformed buffer must not take it for written in full: it has an element of its own.
                pending.add(new Pending(head, broken.isEmpty() ? Element.bytes(elements, true) : -1));
            }
        }
        return outcome;
    }

    abstract Outcome next();

    /** Whether {@link #pop} would find something. */
    abstract boolean hasAvailable();

    /** Gives a buffer back. */
    final void giveBack(int id, long writtenBytes) {
        if (!inOrder) {
            writeUsed(id, writtenBytes, false);
            return;
        }
        Pending done = undone(id);
        done.done = true;
        done.written = writtenBytes;
        while (!pending.isEmpty() && pending.getFirst().done) {
            Pending first = pending.removeFirst();
            // §2.7.9, §2.8.8: a batch has the element of its last buffer, at the place of its first one.
            writeUsed(first.id, first.written, lastWasFull);
            lastWasFull = first.written == first.writable;
        }
    }

    /** A driver that makes a head available twice has two of them: the later one is taken for done first. */
    private Pending undone(int id) {
        Pending first = null;
        Pending last = null;
        for (Pending each : pending) {
            if (each.id == id) {
                first = first == null && !each.done ? each : first;
                last = each;
            }
        }
        return last.done ? first : last;
    }

    abstract void writeUsed(int id, long writtenBytes, boolean inPlaceOfLast);

    /** Lets the driver see the used elements. */
    final void publish() {
        if (writePublished()) {
            lastWasFull = false;
        }
    }

    abstract boolean writePublished();

    /** Publishes, and says whether a notification of all since the last call is due. */
    final Due publishAndAsk() {
        publish();
        return ask();
    }

    abstract Due ask();

    abstract void disableNotifications();

    /** Answers whether buffers are available already. */
    abstract boolean enableNotifications();

    /** §2.7, §2.8: rules about one element, after those before it. */
    final void checkElement(List<Element> before, Element element, Set<DriverFault> broken) {
        if (!memory.has(element.gpa(), element.byteSize())) {
            broken.add(DriverFault.BUFFER_OUTSIDE_MEMORY);
        }
        // The last one tells: a readable one behind a writable one has been found already.
        if (!element.writable() && !before.isEmpty() && before.getLast().writable()) {
            broken.add(DriverFault.READABLE_AFTER_WRITABLE);
        }
    }

    static void checkTotal(List<Element> elements, Set<DriverFault> broken) {
        if (Element.bytes(elements, true) + Element.bytes(elements, false) > MAX_BUFFER_BYTES) {
            broken.add(DriverFault.CHAIN_TOO_LARGE);
        }
    }

    static List<Element> none() {
        return new ArrayList<>();
    }
}
