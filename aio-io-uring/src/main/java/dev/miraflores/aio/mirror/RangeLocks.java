// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

/**
 * Lets one at a time write each byte of the target: who wants a range that overlaps another's waits until it is free, first
 * come first served.
 * <p>A lock, in the end, but one that is held for a look at the requests in flight, by I/O threads of one disk, while that
 * disk is mirrored synchronously; with one I/O thread nobody else wants it.
 * <p>Thread: any. Nothing is allocated; whoever is granted a range it had to wait for is told on the thread that freed it.
 */
final class RangeLocks {

    /** Somebody who wants, or has, a range. One range at a time. */
    abstract static class Holder {
        private long start;
        private long end;
        private Holder previous;
        private Holder next;
        /** The next of those that were granted theirs together, and have not been told. */
        private Holder grantedNext;

        /** The range is its own from now on: takes note, and returns soon. Called without the lock, on any thread. */
        abstract void granted();
    }

    /** Doubly linked, in the order they came in. */
    private static final class Holders {
        Holder first;
        Holder last;

        void add(Holder holder) {
            holder.previous = last;
            holder.next = null;
            if (last == null) {
                first = holder;
            } else {
                last.next = holder;
            }
            last = holder;
        }

        void remove(Holder holder) {
            if (holder.previous == null) {
                first = holder.next;
            } else {
                holder.previous.next = holder.next;
            }
            if (holder.next == null) {
                last = holder.previous;
            } else {
                holder.next.previous = holder.previous;
            }
            holder.previous = null;
            holder.next = null;
        }

        /** Whether one before {@code limit} wants or has any of the range. */
        boolean overlap(long start, long end, Holder limit) {
            for (Holder each = first; each != limit; each = each.next) {
                if (each.start < end && start < each.end) {
                    return true;
                }
            }
            return false;
        }
    }

    private final Holders active = new Holders();
    private final Holders waiting = new Holders();
    private boolean abolished;

    /**
     * Takes the range from {@code start} to {@code end} for {@code holder}.
     *
     * @return whether it has it; if not, it will be told
     */
    synchronized boolean acquire(Holder holder, long start, long end) {
        holder.start = start;
        holder.end = end;
        // Nobody overtakes those who wait, or a long range would wait for ever.
        boolean waits = !abolished && (active.overlap(start, end, null) || waiting.overlap(start, end, null));
        (waits ? waiting : active).add(holder);
        return !waits;
    }

    /** Gives back what {@code holder} has. */
    void release(Holder holder) {
        Holder granted;
        synchronized (this) {
            active.remove(holder);
            granted = waiting.first == null ? null : grant();
        }
        tell(granted);
    }

    /** From now on everybody gets everything, also those who wait. */
    void abolish() {
        Holder granted;
        synchronized (this) {
            abolished = true;
            granted = grant();
        }
        tell(granted);
    }

    /** Lets go those who need not wait any more: the last of them, the others linked behind it. */
    private Holder grant() {
        Holder stack = null;
        for (Holder each = waiting.first; each != null; ) {
            Holder following = each.next;
            if (abolished
                    || !active.overlap(each.start, each.end, null) && !waiting.overlap(each.start, each.end, each)) {
                waiting.remove(each);
                active.add(each);
                each.grantedNext = stack;
                stack = each;
            }
            each = following;
        }
        return stack;
    }

    private static void tell(Holder stack) {
        for (Holder each = stack; each != null; ) {
            // It may ask for the next range as soon as it is told.
            Holder following = each.grantedNext;
            each.grantedNext = null;
            each.granted();
            each = following;
        }
    }
}
