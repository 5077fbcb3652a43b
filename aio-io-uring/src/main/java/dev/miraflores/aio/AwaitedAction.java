// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.concurrent.CountDownLatch;

/**
 * An action on an I/O thread that somebody waits for.
 * <p>Thread: {@code run}, the I/O thread; {@code await}, who waits.
 */
final class AwaitedAction implements Runnable {
    private final Runnable action;
    private final CountDownLatch done = new CountDownLatch(1);
    private Throwable thrown;

    AwaitedAction(Runnable action) {
        this.action = action;
    }

    @Override
    public void run() {
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            thrown = e;
        } finally {
            done.countDown();
        }
    }

    /** Returns when it has run, whatever interrupts come; throws what it threw. */
    void await() {
        boolean interrupted = false;
        while (true) {
            try {
                done.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
    }
}
