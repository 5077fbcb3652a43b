// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.AioSyscalls;

/**
 * Ends a Linux AIO context on a thread of its own: io_destroy(2) waits for an RCU grace period, tens of milliseconds that
 * nobody's I/O should have to wait too.
 */
final class AioDestroyer implements Runnable {

    private final long context;

    private AioDestroyer(long context) {
        this.context = context;
    }

    /** Ends a context that has nothing in flight, and that nobody uses any more; soon. */
    static void destroy(long context) {
        Thread thread = new Thread(new AioDestroyer(context), "aio-destroy");
        thread.setDaemon(true);
        try {
            thread.start();
        } catch (OutOfMemoryError e) {
            AioSyscalls.destroy(context); // no thread to be had: then here
        }
    }

    @Override
    public void run() {
        AioSyscalls.destroy(context);
    }
}
