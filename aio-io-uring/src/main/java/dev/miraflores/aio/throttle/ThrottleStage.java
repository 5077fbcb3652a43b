// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.Counters;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.util.Arrays;

/**
 * Keeps a disk to the limits of a {@link ThrottleGroup}.
 * <p>Thread: {@code attach}, as {@link BlockStage#attach} says; the rest, any.
 * <p>Lifetime: in its group from the start, until {@link #close}.
 */
public final class ThrottleStage implements BlockStage {

    private static final ThrottleLink[] NONE = {};

    private final ThrottleGroup group;
    private final DiskTurn readTurn;
    private final DiskTurn writeTurn;
    /** Replaced, never changed. */
    private volatile ThrottleLink[] links = NONE;
    /** What links that are gone have counted. */
    private final Counters<ThrottleCounter> past = new Counters<>(ThrottleCounter.values().length);

    /** A throttle for one more disk of {@code group}. */
    public ThrottleStage(ThrottleGroup group) {
        this.group = group;
        this.readTurn = new DiskTurn(group);
        this.writeTurn = new DiskTurn(group);
        group.add(this);
    }

    public ThrottleGroup group() {
        return group;
    }

    DiskTurn turn(ThrottleDirection direction) {
        return direction == ThrottleDirection.READ ? readTurn : writeTurn;
    }

    /** What has happened to the disk's requests here so far. */
    public synchronized long count(ThrottleCounter counter) {
        long sum = past.get(counter);
        for (ThrottleLink link : links) {
            sum += link.counters().get(counter);
        }
        return sum;
    }

    @Override
    public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
        return attach(new ThrottleThread.OfIoThread(thread), next);
    }

    synchronized BlockLink attach(ThrottleThread thread, BlockLink next) {
        ThrottleLink link = new ThrottleLink(this, thread, next);
        ThrottleLink[] more = Arrays.copyOf(links, links.length + 1);
        more[links.length] = link;
        links = more;
        return link;
    }

    synchronized void remove(ThrottleLink link) {
        ThrottleLink[] left = NONE;
        for (ThrottleLink each : links) {
            if (each != link) {
                left = Arrays.copyOf(left, left.length + 1);
                left[left.length - 1] = each;
            } else {
                for (ThrottleCounter counter : ThrottleCounter.values()) {
                    past.add(counter, link.counters().get(counter));
                }
            }
        }
        links = left;
    }

    /** The group's limits have changed. */
    void reconsider() {
        for (ThrottleLink link : links) {
            link.reconsider();
        }
    }

    @Override
    public void close() {
        group.remove(this);
    }
}
