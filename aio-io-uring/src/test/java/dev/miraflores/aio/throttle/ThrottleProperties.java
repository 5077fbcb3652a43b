// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.throttle.ThrottleSimulation.Queue;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** What disks get to do over a clock of the test's own: how much, in which bursts, and who. */
class ThrottleProperties {

    private static final long SECOND = ThrottleSimulation.SECOND;
    private static final long MILLISECOND = SECOND / 1000;

    /** The long run: under 1 % off, at any rate, request size, number of disks and queues, with threads that are late. */
    @Property(tries = 150)
    void shouldKeepToTheRateInTheLongRun(
            @ForAll @LongRange(min = -30, max = 35) long tenths, @ForAll @LongRange(min = 0, max = 22) long sizeBits,
            @ForAll ThrottleKind kind, @ForAll @IntRange(min = 1, max = 3) int disks,
            @ForAll @IntRange(min = 1, max = 3) int queues, @ForAll @IntRange(min = 0, max = 4) int lateness,
            @ForAll long seed) {
        ThrottleSimulation simulation = new ThrottleSimulation(seed);
        long size = (1L << sizeBits) + simulation.random.nextInt(1 << sizeBits);
        double cost = kind.isOfBytes() ? size : 1;
        long rate = Math.max(1, (long) (Math.pow(10, tenths / 10.0) * cost));
        ThrottleGroup group = group(simulation, ThrottleConfig.UNLIMITED.with(kind, ThrottleLimit.of(rate)));
        double perSecond = rate / cost;
        long horizon = (long) (SECOND * Math.max(30, 3000 / perSecond));
        long latestNs = Math.min((long) (SECOND / perSecond) * lateness, 20 * MILLISECOND);
        List<Queue> all = new ArrayList<>();
        for (int d = 0; d < disks; d++) {
            ThrottleStage stage = new ThrottleStage(group);
            for (int q = 0; q < queues; q++) {
                Operation operation = kind == ThrottleKind.BPS_READ || kind == ThrottleKind.IOPS_READ ? Operation.READ
                    : kind.isTotal() && simulation.random.nextBoolean() ? Operation.READ : Operation.WRITE;
                all.add(simulation.new Queue(
                    stage, simulation.new SimulatedThread(latestNs), operation, size, 8, 1000));
            }
        }
        long start = simulation.now();
        simulation.run(horizon);
        double done = sum(all) * cost;
        double seconds = (double) (simulation.now() - start) / SECOND;
        // A tenth of a second's worth may come at once, and one request per flow is always on its way.
        double slack = rate * 0.1 + (2 * all.size() + 1) * cost;
        assertTrue(done <= rate * seconds + slack, done + " is more than " + rate * seconds);
        assertTrue(done >= rate * seconds * 0.99 - slack, done + " is less than " + rate * seconds);
        for (Queue queue : all) {
            assertTrue(queue.requests > 0 || perSecond * seconds < 2 * all.size(), "a queue never had its turn");
        }
    }

    /** Nobody waits longer than it takes for everybody to have a turn for each request before it. */
    @Property(tries = 100)
    void shouldNeverStall(
            @ForAll @LongRange(min = 1, max = 5000) long iops, @ForAll @IntRange(min = 1, max = 4) int disks,
            @ForAll @IntRange(min = 1, max = 3) int queues, @ForAll @IntRange(min = 1, max = 8) int depth,
            @ForAll @LongRange(min = 0, max = 5) long latestMs, @ForAll long seed) {
        ThrottleSimulation simulation = new ThrottleSimulation(seed);
        ThrottleGroup group = group(simulation,
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(iops)));
        List<Queue> all = new ArrayList<>();
        for (int d = 0; d < disks; d++) {
            ThrottleStage stage = new ThrottleStage(group);
            for (int q = 0; q < queues; q++) {
                Operation operation = simulation.random.nextBoolean() ? Operation.READ : Operation.WRITE;
                all.add(simulation.new Queue(stage, simulation.new SimulatedThread(latestMs * MILLISECOND), operation,
                    4096, simulation.random.nextInt(depth) + 1, 1000));
            }
        }
        long gap = SECOND / iops;
        long round = (gap + latestMs * MILLISECOND) * all.size() * 2;
        simulation.run(Math.min(round * 200, 60 * SECOND));
        for (Queue queue : all) {
            long bound = round * (depth + 2) + 200 * MILLISECOND;
            assertTrue(queue.longestWait <= bound, "waited " + queue.longestWait + " ns, more than " + bound);
            assertTrue(simulation.now() - queue.lastAt <= bound, "has waited since " + (simulation.now() - queue.lastAt));
        }
    }

    /** From rest: the burst, at the burst's rate where it is a long one, and then the long run's rate. */
    @Property(tries = 100)
    void shouldBurstAsConfigured(
            @ForAll @LongRange(min = 10, max = 200) long rate, @ForAll @LongRange(min = 2, max = 10) long factor,
            @ForAll @LongRange(min = 1, max = 20) long length, @ForAll long seed) {
        ThrottleSimulation simulation = new ThrottleSimulation(seed);
        long max = rate * factor;
        ThrottleGroup group = group(simulation,
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, new ThrottleLimit(rate, max, length)));
        Queue queue = simulation.new Queue(
            new ThrottleStage(group), simulation.new SimulatedThread(0), Operation.READ, 4096, 32, 10_000);

        // The bucket holds max · length and leaks meanwhile. QEMU lets the burst of one second come at once.
        double burst = max * length;
        if (length > 1) {
            double burstSeconds = burst / (max - rate);
            simulation.run((long) (burstSeconds * 0.5 * SECOND));
            assertEquals(max * burstSeconds * 0.5, queue.requests, max * 0.1 + 2, "half of the burst");
            simulation.run((long) (burstSeconds * 0.5 * SECOND));
        } else {
            simulation.run(SECOND / 10);
            assertEquals(burst + rate * 0.1, queue.requests, 2, "all of it at once");
        }
        simulation.run(5 * SECOND);
        long before = queue.requests;
        simulation.run(20 * SECOND);
        assertEquals(rate * 20, queue.requests - before, rate * 20 * 0.01 + 1, "the long run");
    }

    /** Two limits at once: the stricter one holds, and operations count by their size. */
    @Property(tries = 50)
    void shouldKeepToTheStricterOfTwoLimits(
            @ForAll @LongRange(min = 50, max = 1000) long iops, @ForAll @IntRange(min = 1, max = 64) int blocks,
            @ForAll boolean bySize, @ForAll long seed) {
        ThrottleSimulation simulation = new ThrottleSimulation(seed);
        long bps = 1 << 20;
        ThrottleConfig config = ThrottleConfig.UNLIMITED
            .with(ThrottleKind.IOPS_WRITE, ThrottleLimit.of(iops)).with(ThrottleKind.BPS_TOTAL, ThrottleLimit.of(bps))
            .withIopsSize(bySize ? 4096 : 0);
        Queue queue = simulation.new Queue(new ThrottleStage(group(simulation, config)), simulation.new SimulatedThread(0),
            Operation.WRITE_ZEROES, blocks * 4096L, 16, 1000);
        simulation.run(60 * SECOND);
        double byIops = (double) iops / (bySize ? blocks : 1);
        double expected = Math.min(byIops, bps / (blocks * 4096.0)) * 60;
        assertEquals(expected, queue.requests, expected * 0.01 + 2);
    }

    /** Disks of a group get the same, whatever their number of queues, their depth, or how late their threads are. */
    @Property(tries = 60)
    void shouldGiveEachDiskTheSame(
            @ForAll @LongRange(min = 50, max = 2000) long iops, @ForAll @IntRange(min = 2, max = 4) int disks,
            @ForAll boolean late, @ForAll long seed) {
        ThrottleSimulation simulation = new ThrottleSimulation(seed);
        ThrottleGroup group = group(simulation,
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(iops)));
        List<List<Queue>> all = new ArrayList<>();
        long latest = late ? SECOND / iops / 4 : 0;
        for (int d = 0; d < disks; d++) {
            ThrottleStage stage = new ThrottleStage(group);
            List<Queue> queues = new ArrayList<>();
            for (int q = simulation.random.nextInt(3); q >= 0; q--) {
                queues.add(simulation.new Queue(stage, simulation.new SimulatedThread(latest), Operation.WRITE, 4096,
                    2 + simulation.random.nextInt(30), 1000));
            }
            all.add(queues);
        }
        simulation.run(2 * SECOND); // the tenth of a second that comes at once, to whoever is first
        List<Long> before = all.stream().map(ThrottleProperties::sum).toList();
        simulation.run(30 * SECOND);
        double share = iops * 30.0 / disks;
        for (int d = 0; d < disks; d++) {
            assertEquals(share, sum(all.get(d)) - before.get(d), share * (late ? 0.1 : 0.02) + 2, "disk " + d);
            long perQueue = sum(all.get(d)) / all.get(d).size();
            for (Queue queue : all.get(d)) {
                assertEquals(perQueue, queue.requests, iops * 0.2 + perQueue * 0.2 + 2, "queues of disk " + d);
            }
        }
    }

    /** Reads do not wait for a limit on writes, nor flushes and discards for any. */
    @Test
    void shouldHoldBackOnlyWhatTheLimitIsFor() {
        ThrottleSimulation simulation = new ThrottleSimulation(1);
        ThrottleStage stage = new ThrottleStage(group(simulation,
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_WRITE, ThrottleLimit.of(1))));
        ThrottleThread thread = simulation.new SimulatedThread(0);
        Queue writes = simulation.new Queue(stage, thread, Operation.WRITE, 4096, 4, MILLISECOND);
        Queue reads = simulation.new Queue(stage, thread, Operation.READ, 4096, 1, MILLISECOND);
        Queue flushes = simulation.new Queue(stage, thread, Operation.FLUSH, 0, 1, MILLISECOND);
        Queue discards = simulation.new Queue(stage, thread, Operation.DISCARD, 4096, 1, MILLISECOND);
        simulation.run(10 * SECOND - 1);
        assertEquals(10, writes.requests, 1);
        assertEquals(10_000, reads.requests, 1);
        assertEquals(10_000, flushes.requests, 1);
        assertEquals(10_000, discards.requests, 1);
        assertEquals(0, stage.count(ThrottleCounter.HELD_READS));
        assertTrue(stage.count(ThrottleCounter.HELD_WRITES) > 10);
        assertTrue(stage.count(ThrottleCounter.HELD_WRITE_NS) > 20 * SECOND, "three held most of the time");
    }

    /** New limits hold at once, for what is held too; none at all lets everything go. */
    @Property(tries = 60)
    void shouldChangeLimitsAtRuntime(
            @ForAll @LongRange(min = 1, max = 100) long first, @ForAll @LongRange(min = 50, max = 2000) long second,
            @ForAll @IntRange(min = 1, max = 3) int disks, @ForAll @IntRange(min = 1, max = 3) int queues,
            @ForAll long seed) {
        ThrottleSimulation simulation = new ThrottleSimulation(seed);
        ThrottleGroup group = group(simulation,
            ThrottleConfig.UNLIMITED.with(ThrottleKind.BPS_TOTAL, ThrottleLimit.of(first)));
        List<Queue> all = new ArrayList<>();
        for (int d = 0; d < disks; d++) {
            ThrottleStage stage = new ThrottleStage(group);
            for (int q = 0; q < queues; q++) {
                all.add(simulation.new Queue(
                    stage, simulation.new SimulatedThread(1000), Operation.WRITE, 1 << 20, 3, MILLISECOND));
            }
        }
        simulation.run(SECOND);
        assertTrue(sum(all) <= 2L * all.size(), "hours of waiting");
        group.setConfig(
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(second)), simulation.now());
        long before = sum(all);
        simulation.run(20 * SECOND);
        double most = Math.min(second, 3000.0 * all.size()) * 20;
        assertEquals(most, sum(all) - before, most * 0.01 + second * 0.1 + all.size() + 1);
        group.setConfig(ThrottleConfig.UNLIMITED, simulation.now());
        simulation.run(MILLISECOND);
        for (Queue queue : all) {
            assertEquals(0, queue.held());
        }
    }

    /** A drain lets go of everything at once, also of what is hours away, and what it let go is counted. */
    @Property(tries = 60)
    void shouldLetGoOfEverythingInADrain(
            @ForAll @IntRange(min = 1, max = 3) int disks, @ForAll @IntRange(min = 1, max = 3) int queues,
            @ForAll @IntRange(min = 1, max = 40) int depth, @ForAll long seed) {
        ThrottleSimulation simulation = new ThrottleSimulation(seed);
        ThrottleGroup group = group(simulation,
            ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(1)));
        List<List<Queue>> all = new ArrayList<>();
        for (int d = 0; d < disks; d++) {
            ThrottleStage stage = new ThrottleStage(group);
            List<Queue> mine = new ArrayList<>();
            for (int q = 0; q < queues; q++) {
                mine.add(simulation.new Queue(
                    stage, simulation.new SimulatedThread(1000), Operation.READ, 4096, depth, MILLISECOND));
            }
            all.add(mine);
        }
        simulation.run(SECOND / 2);
        List<Queue> drained = all.getFirst();
        for (Queue queue : drained) {
            queue.stop();
            queue.throttle.beginDrain();
            assertEquals(0, queue.held());
        }
        simulation.run(2 * MILLISECOND);
        for (Queue queue : drained) {
            assertEquals(0, queue.inFlight);
            assertTrue(queue.requests >= depth);
            queue.throttle.endDrain();
            queue.throttle.close();
        }
        long start = simulation.now();
        simulation.run(3600 * SECOND);
        long total = all.stream().mapToLong(ThrottleProperties::sum).sum();
        if (disks > 1) {
            assertEquals(3600.5, total, 8, "the others wait for what the drain let go");
        }
        assertTrue(simulation.now() > start);
    }

    private static ThrottleGroup group(ThrottleSimulation simulation, ThrottleConfig config) {
        return new ThrottleGroup("g", config, simulation.now());
    }

    private static long sum(List<Queue> queues) {
        long sum = 0;
        for (Queue queue : queues) {
            sum += queue.requests;
        }
        return sum;
    }
}
