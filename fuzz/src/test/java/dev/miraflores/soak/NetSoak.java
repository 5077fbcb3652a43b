// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Two NICs on taps of one bridge, which send each other packets of all sizes, with offloads and without, while queues, offloads and
 * links come and go. Each byte that comes is looked at. A packet may be lost to a change that was made while it was on its way; else none may.
 * <p>Thread: one.
 */
final class NetSoak {

    /** Packets on their way in each direction, once they are cut up: a tap's queue holds 1000. */
    private static final int WINDOW = 400;
    private static final int EVENT_INTERVAL = 2000;
    private static final long STUCK_MS = 30_000;
    private static final long QUIET_MS = 100;
    private static final long MAC = 0x52_54_00_00_00_01L;

    private final Random random;
    private final NetSoakPlan plan;
    private final Semaphore interrupts = new Semaphore(0);
    private final NetSoakSide[] sides = new NetSoakSide[2];
    private final Direction[] directions = {new Direction(0), new Direction(1)};
    private final NetSoakPacket packet = new NetSoakPacket();
    private final NetSoakPacket.Part part = new NetSoakPacket.Part();
    private final NetSoakTotals totals;
    private int nextNumber;
    /** Packets go one by one: nobody asks for the interrupts of those sent, which could stand in for a lost one. */
    private boolean alone;

    /** What is on its way from one of them to the other one. */
    private final class Direction {
        final int from;
        final Map<Integer, Sent> sent = new HashMap<>();
        int window;

        Direction(int from) {
            this.from = from;
        }

        void received(byte[] bytes, int headerBytes, int length) {
            if (!NetSoakPacket.read(bytes, headerBytes, length, sides[1 - from].mac, sides[from].mac, part)) {
                totals.foreign++;
                return;
            }
            totals.receivedPackets++;
            totals.receivedBytes += length - headerBytes;
            Sent of = sent.get(part.number);
            if (of == null) {
                totals.late++;
                return;
            }
            of.contentLeft -= part.contentBytes;
            if (of.kind != part.kind || of.contentLeft < 0) {
                throw new AssertionError("packet " + part.number + " of kind " + of.kind + " came as " + part.kind
                    + (of.contentLeft < 0 ? ", and more than once" : ""));
            }
            if (of.contentLeft == 0) {
                sent.remove(part.number);
                window -= of.parts;
            }
        }

        void forgive() {
            totals.lost += sent.size();
            sent.clear();
            window = 0;
        }
    }

    private static final class Sent {
        final NetSoakPacket.Kind kind;
        final int parts;
        int contentLeft;

        Sent(NetSoakPacket of) {
            kind = of.kind;
            parts = of.parts;
            contentLeft = of.contentBytes;
        }
    }

    private NetSoak(long seed, NetSoakTotals totals) {
        this.random = new Random(seed);
        this.plan = NetSoakPlan.of(random);
        this.totals = totals;
        this.nextNumber = random.nextInt();
    }

    /**
     * Two NICs that follow from {@code seed}, for some time.
     *
     * @throws AssertionError on a mismatch, with what it takes to try the same again
     */
    static void run(long seed, String bridge, long ms, NetSoakTotals totals) throws InterruptedException {
        NetSoak soak = new NetSoak(seed, totals);
        try {
            soak.run(bridge, ms);
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("seed " + seed + ", " + soak.plan + ": " + e.getMessage(), e);
        }
    }

    private void run(String bridge, long ms) throws InterruptedException {
        try {
            for (int i = 0; i < 2; i++) {
                sides[i] = new NetSoakSide("soak" + i, MAC + i, plan, bridge, interrupts, random);
                sides[i].start();
            }
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
            while (System.nanoTime() < end) {
                traffic(random.nextInt(EVENT_INTERVAL));
                event();
            }
            traffic(EVENT_INTERVAL);
            settle(true);
        } finally {
            for (NetSoakSide side : sides) {
                if (side != null) {
                    side.close();
                }
            }
        }
    }

    /** {@code packets} more of them, with those before them on their way. */
    private void traffic(int packets) throws InterruptedException {
        for (int sent = 0; sent < packets;) {
            boolean any = false;
            for (int i = 0; i < 8 && send(); i++) {
                sent++;
                any = true;
            }
            any |= poll();
            if (!any && !await(STUCK_MS)) {
                throw new AssertionError("nothing comes any more: " + state());
            }
        }
    }

    private boolean send() {
        int from = random.nextInt(2);
        Direction direction = directions[from];
        if (direction.window >= WINDOW) {
            return false;
        }
        NetSoakSide side = sides[from];
        side.choose(packet, nextNumber, sides[1 - from].mac);
        if (!side.driver.send(random.nextInt(side.active), packet)) {
            return false;
        }
        nextNumber++;
        direction.sent.put(packet.number, new Sent(packet));
        direction.window += packet.parts;
        totals.sent(packet);
        return true;
    }

    private boolean poll() {
        return pollOf(0) | pollOf(1);
    }

    private boolean pollOf(int side) {
        return sides[side].driver.poll(directions[1 - side]::received);
    }

    /** Sleeps until there is an interrupt; false if there is none for so long. */
    private boolean await(long ms) throws InterruptedException {
        interrupts.drainPermits();
        boolean some = sides[0].driver.enableNotifications(alone) | sides[1].driver.enableNotifications(alone);
        boolean woken = some || interrupts.tryAcquire(ms, TimeUnit.MILLISECONDS);
        sides[0].driver.disableNotifications();
        sides[1].driver.disableNotifications();
        return woken;
    }

    /** Waits until nothing is on its way any more. Only where that is so {@code strictly} must all have come. */
    private void settle(boolean strictly) throws InterruptedException {
        while (!directions[0].sent.isEmpty() || !directions[1].sent.isEmpty()) {
            if (!poll() && !await(strictly ? STUCK_MS : QUIET_MS)) {
                if (strictly) {
                    throw new AssertionError("lost: " + state());
                }
                break;
            }
        }
        directions[0].forgive();
        directions[1].forgive();
    }

    private String state() {
        return directions[0].sent.size() + " and " + directions[1].sent.size() + " packets are on their way; unsent "
            + sides[0].driver.unsent(sides[0].active) + " and " + sides[1].driver.unsent(sides[1].active) + "; "
            + sides[0].device.report() + "; " + sides[1].device.report();
    }

    private void event() throws InterruptedException {
        int which = random.nextInt(2);
        NetSoakSide side = sides[which];
        NetSoakDriver.Receiver receiver = directions[1 - which]::received;
        int dice = random.nextInt(17);
        totals.events++;
        if (dice < 3) {
            // Nothing is lost to a machine that stands still.
            side.device.pause();
            for (int i = 0; i < 40; i++) {
                send();
                poll();
            }
            side.device.resume();
            return;
        }
        if (dice == 3) {
            side.changeMode(receiver);
            return;
        }
        if (dice == 4) {
            oneByOne();
            return;
        }
        if (random.nextBoolean()) {
            settle(true);
        }
        switch (dice) {
            case 5, 6, 7, 8, 9, 10 -> side.changePairs(receiver);
            case 11, 12, 13 -> side.changeOffloads(receiver);
            case 14 -> flap(side);
            default -> {
                side.restart();
                totals.resets++;
            }
        }
        settle(false);
    }

    private void oneByOne() throws InterruptedException {
        alone = true;
        for (int i = 0; i < 50; i++) {
            settle(true);
            send();
        }
        settle(true);
        alone = false;
    }

    private void flap(NetSoakSide side) throws InterruptedException {
        side.device.setLinkUp(false);
        for (int i = 0; i < 200; i++) {
            send();
            if (!poll()) {
                Thread.sleep(0, 100_000);
            }
        }
        side.device.setLinkUp(true);
        totals.flaps++;
    }
}
