// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

/**
 * An input whose sender can wait for room.
 * <p>Thread: any; what is here is guarded by this object's monitor, which a device may use for its own state too.
 */
public abstract class WaitingInput implements CharInput {

    private int putters;
    private boolean ended;

    protected WaitingInput() {
    }

    @Override
    public final synchronized boolean put(byte[] bytes, int offset, int length) throws InterruptedException {
        int done = 0;
        while (done < length && !ended) {
            int taken = offer(bytes, offset + done, length - done);
            done += taken;
            if (taken == 0) {
                awaitRoom();
            }
        }
        return done == length;
    }

    private void awaitRoom() throws InterruptedException {
        putters++;
        try {
            wait();
        } finally {
            putters--;
        }
    }

    /** There is room again, maybe. */
    protected final synchronized void madeRoom() {
        if (putters > 0) {
            notifyAll();
        }
    }

    /** Nothing is taken any more, and nobody waits. Answers whether this was the first call. */
    protected final synchronized boolean endInput() {
        boolean first = !ended;
        ended = true;
        notifyAll();
        return first;
    }

    protected final synchronized boolean hasEnded() {
        return ended;
    }
}
