// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import java.util.Objects;

/**
 * How a disk or a NIC reaches its back end.
 *
 * @param id          the device's, for messages and the names of threads
 * @param socketPath  where the back end listens
 * @param queues      virtqueues of a disk or queue pairs of a NIC, which the back end must be able to serve, or 0 for {@code usualQueues} of them if it can
 * @param usualQueues how many there are at most where {@code queues} is 0
 * @param queueSize   largest size of each, a power of two
 * @param packed      whether packed virtqueues are offered, if the back end has them
 * @param replyNs     how long the back end may take to answer
 * @param drainNs     how long it may take to finish what is in flight, before a reset counts as hung
 * @param finishNs    how long it may take for what is in flight still when it has said that its rings have stopped
 * @param retryNs     the longest pause between two attempts to reach a back end that is gone
 */
public record VhostUserConfig(String id, String socketPath, int queues, int usualQueues, int queueSize, boolean packed,
        long replyNs, long drainNs, long finishNs, long retryNs) {

    /** The message that names a ring has 8 bits for its number ("VHOST_USER_SET_VRING_KICK"). */
    public static final int MAX_QUEUES = 256;

    public static final long DEFAULT_REPLY_NS = 5_000_000_000L;
    public static final long DEFAULT_DRAIN_NS = 30_000_000_000L;
    /** Less than {@link #DEFAULT_DRAIN_NS}, so that a pause is over when it is up. */
    public static final long DEFAULT_FINISH_NS = 5_000_000_000L;
    public static final long DEFAULT_RETRY_NS = 1_000_000_000L;

    private static final int USUAL_QUEUE_SIZE = 256;
    private static final int MAX_QUEUE_SIZE = 1024;

    public VhostUserConfig {
        Objects.requireNonNull(id);
        Objects.requireNonNull(socketPath);
        check(queues >= 0 && queues <= MAX_QUEUES, queues + " queues");
        check(usualQueues >= 1 && usualQueues <= MAX_QUEUES, usualQueues + " queues as usual");
        check(queueSize >= 2 && queueSize <= MAX_QUEUE_SIZE && Integer.bitCount(queueSize) == 1, "queue size " + queueSize);
        check(replyNs > 0 && drainNs > 0 && finishNs > 0 && retryNs > 0, "no time");
    }

    private static void check(boolean right, String what) {
        if (!right) {
            throw new IllegalArgumentException(what);
        }
    }

    /** One queue, and the usual times. */
    public static VhostUserConfig of(String id, String socketPath) {
        return new VhostUserConfig(id, socketPath, 0, 1, USUAL_QUEUE_SIZE, true, DEFAULT_REPLY_NS, DEFAULT_DRAIN_NS,
            DEFAULT_FINISH_NS, DEFAULT_RETRY_NS);
    }

    /** With so many queues, or as many as usual; see {@link #queues} and {@link #usualQueues}. */
    public VhostUserConfig withQueues(int count, int usual) {
        return new VhostUserConfig(id, socketPath, count, usual, queueSize, packed, replyNs, drainNs, finishNs, retryNs);
    }

    public VhostUserConfig withQueueSize(int entries) {
        return new VhostUserConfig(id, socketPath, queues, usualQueues, entries, packed, replyNs, drainNs, finishNs, retryNs);
    }

    public VhostUserConfig withPacked(boolean offered) {
        return new VhostUserConfig(id, socketPath, queues, usualQueues, queueSize, offered, replyNs, drainNs, finishNs, retryNs);
    }

    /** With other deadlines; see {@link #replyNs}, {@link #drainNs} and {@link #retryNs}. */
    public VhostUserConfig withTimes(long reply, long drain, long retry) {
        return new VhostUserConfig(id, socketPath, queues, usualQueues, queueSize, packed, reply, drain, finishNs, retry);
    }

    /** With another deadline; see {@link #finishNs}. */
    public VhostUserConfig withFinishNs(long finish) {
        return new VhostUserConfig(id, socketPath, queues, usualQueues, queueSize, packed, replyNs, drainNs, finish, retryNs);
    }
}
