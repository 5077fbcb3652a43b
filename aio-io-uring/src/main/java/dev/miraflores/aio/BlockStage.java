// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * Something that stands between a disk and what is behind it: a throttle, a mirror, a map of what was written, or whatever
 * else somebody wants to see, hold back, change or answer. One object per disk; a {@link BlockLink} of it on each thread
 * that has a queue of the disk. {@link dev.miraflores.aio the package} tells how to write one.
 * <p>Thread: {@code attach} and {@link #onResize}, see there; the rest, any, one after the other.
 * <p>Lifetime: until {@link #close}, which comes after that of every link.
 */
public interface BlockStage extends AutoCloseable {

    /** Stages that a disk can have at once. */
    int MAX_STAGES = 8;


    /**
     * A link that hands on to {@code next}. It is closed, and another one attached, whenever the disk is reset or the chain
     * of its links changes: what has to survive that belongs to the stage. Several are attached at once, even on one
     * thread, if the disk has several queues.
     * <p>Called on {@code thread}, the one the link is for.
     *
     * @param next    takes what this link lets through; neither it nor this stage closes it
     * @param options what the disk's links are made with
     */
    BlockLink attach(IoThread thread, BlockLink next, LinkOptions options);

    /**
     * The disk has another size. Called on any thread, before a request may be for what was added; where the disk shrank,
     * after the last request for what is gone.
     */
    default void onResize(long byteSize) {
    }

    @Override
    void close();
}
