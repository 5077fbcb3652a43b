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
                awaitRoom(0);
            }
        }
        return done == length;
    }

    @Override
    public final synchronized int offer(byte[] bytes, int offset, int length, long timeoutMs) throws InterruptedException {
        long startNs = System.nanoTime();
        int taken = offer(bytes, offset, length);
        long leftMs = timeoutMs;
        while (taken == 0 && !ended && leftMs > 0) {
            awaitRoom(leftMs);
            taken = offer(bytes, offset, length);
            leftMs = timeoutMs - (System.nanoTime() - startNs) / 1_000_000;
        }
        return taken == 0 && ended ? -1 : taken;
    }

    /** @param timeoutMs 0 for ever */
    private void awaitRoom(long timeoutMs) throws InterruptedException {
        putters++;
        try {
            wait(timeoutMs);
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
