// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

/**
 * Where the other end of a stream comes from: one connection at a time.
 * <p>Thread: {@link #next}, the back end's; the rest, any.
 * <p>Lifetime: {@link #end}, then {@link #close} once nobody is in {@code next} any more.
 */
public interface PeerSource extends AutoCloseable {

    /** {@link #next} has no more. */
    int NONE = -1;

    /** What it is, for the eyes of the operator: {@code socket,listen=unix:/tmp/net}. */
    String description();

    /**
     * Waits for the next connection; that before has ended.
     *
     * @return a descriptor that becomes the caller's and on which no call blocks; {@link #NONE} where there will be none any more
     */
    int next();

    /** Whether connections live on when this side closes them: somebody else has them, too, and may go on with them. */
    default boolean isShared() {
        return false;
    }

    /** There is to be no more: calls a thread out of {@link #next}. */
    void end();

    @Override
    void close();
}
