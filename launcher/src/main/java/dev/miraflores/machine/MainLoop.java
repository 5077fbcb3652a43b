// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoThreadOptions;

/**
 * The one thread that serves all devices without a thread of their own: started when the first of them comes.
 * <p>Thread: any.
 * <p>Lifetime: {@code close} after all of these devices.
 */
final class MainLoop implements AutoCloseable {

    /** It sleeps whenever there is nothing to do: who wants polling wants a thread for it. */
    private static final IoThreadOptions NO_POLLING = new IoThreadOptions(0, 0, 0);

    private IoThread thread;

    synchronized IoThread thread() {
        if (thread == null) {
            thread = IoThread.start("main-loop", NO_POLLING);
        }
        return thread;
    }

    /** The thread if it was started, or null. */
    synchronized IoThread startedThread() {
        return thread;
    }

    @Override
    public synchronized void close() {
        if (thread != null) {
            thread.close();
        }
    }
}
