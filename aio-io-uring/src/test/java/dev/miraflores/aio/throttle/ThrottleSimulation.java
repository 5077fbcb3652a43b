// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;

/**
 * Disks, queues and threads over a clock that goes as fast as it can. Threads run what they have to one after the other; each
 * may be late. Everything follows from the seed.
 */
final class ThrottleSimulation {

    static final long SECOND = 1_000_000_000L;

    final Random random;
    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private long now;
    private long order;

    ThrottleSimulation(long seed) {
        this.random = new Random(seed);
        this.now = random.nextLong() >> 2;
    }

    private final class Event implements Comparable<Event> {
        final long time;
        final long number = order++;
        final Runnable action;
        boolean cancelled;

        Event(long time, Runnable action) {
            this.time = time;
            this.action = action;
        }

        @Override
        public int compareTo(Event other) {
            int byTime = Long.compare(time, other.time);
            return byTime != 0 ? byTime : Long.compare(number, other.number);
        }
    }

    long now() {
        return now;
    }

    Object at(long time, Runnable action) {
        Event event = new Event(Math.max(time, now), action);
        events.add(event);
        return event;
    }

    /** Has {@code ns} pass. */
    void run(long ns) {
        long end = now + ns;
        while (!events.isEmpty() && events.peek().time <= end) {
            Event event = events.poll();
            now = event.time;
            if (!event.cancelled) {
                event.action.run();
            }
        }
        now = end;
    }

    /** A thread whose timers and messages are late by up to so much. */
    final class SimulatedThread implements ThrottleThread {
        private final long latestNs;

        SimulatedThread(long latestNs) {
            this.latestNs = latestNs;
        }

        private long late(long time) {
            return latestNs == 0 ? time : time + random.nextLong(latestNs);
        }

        @Override
        public long now() {
            return now;
        }

        @Override
        public Alarm alarm(Runnable action) {
            return new Alarm() {
                private Event set;

                @Override
                public void set(long deadline) {
                    cancel();
                    set = (Event) at(late(deadline), action);
                }

                @Override
                public void cancel() {
                    if (set != null) {
                        set.cancelled = true;
                    }
                }
            };
        }

        @Override
        public boolean execute(Runnable action) {
            at(late(now), action);
            return true;
        }
    }

    /** A queue of a disk, on a thread, with a driver that has a number of requests in flight as long as it is told to. */
    final class Queue implements BlockLink {
        final BlockLink throttle;
        private final Operation operation;
        private final long byteCount;
        private final long serviceNs;
        private final List<Request> submitted = new ArrayList<>();
        private boolean stopped;
        long requests;
        long inFlight;
        long lastAt = now;
        long longestWait;

        Queue(ThrottleStage stage, ThrottleThread thread, Operation operation, long byteCount, int depth, long serviceNs) {
            this.throttle = stage.attach(thread, this);
            this.operation = operation;
            this.byteCount = byteCount;
            this.serviceNs = serviceNs;
            for (int i = 0; i < depth; i++) {
                issue(new Request(this));
            }
        }

        void issue(Request request) {
            if (stopped) {
                return;
            }
            if (operation == Operation.READ || operation == Operation.WRITE) {
                request.begin(operation, 0);
                request.addBuffer(4096, byteCount);
            } else {
                request.beginRange(operation, 0, byteCount, false);
            }
            request.issuedAt = now;
            submitted.add(request);
            inFlight++;
            throttle.submit(request);
        }

        /** What comes out of the throttle. */
        @Override
        public void submit(BlockIo io) {
            if (submitted.removeFirst() != io) {
                throw new AssertionError("out of order");
            }
            requests++;
            longestWait = Math.max(longestWait, now - ((Request) io).issuedAt);
            lastAt = now;
            at(now + serviceNs, () -> io.complete(0));
        }

        int held() {
            return submitted.size();
        }

        void stop() {
            stopped = true;
        }

        @Override
        public void close() {
        }
    }

    static final class Request extends BlockIo {
        private final Queue queue;
        long issuedAt;

        Request(Queue queue) {
            super(Arena.ofAuto().allocate(IOVEC_BYTES, Long.BYTES));
            this.queue = queue;
        }

        @Override
        protected void onComplete(int result) {
            queue.inFlight--;
            queue.issue(this);
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    }
}
