// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import java.util.concurrent.RejectedExecutionException;

/** What throttling needs of an I/O thread. It is an interface so that tests may have the time pass as they like. */
interface ThrottleThread {

    /** In nanoseconds since any one moment; a little behind, maybe. On the thread. */
    long now();

    /** On the thread. */
    Alarm alarm(Runnable action);

    /** Runs {@code action} on the thread, soon; answers whether it will. Any thread. */
    boolean execute(Runnable action);

    /** See {@link IoTimer}. */
    interface Alarm {

        void set(long deadline);

        void cancel();
    }

    /** The real one. */
    final class OfIoThread implements ThrottleThread {
        private final IoThread thread;

        OfIoThread(IoThread thread) {
            this.thread = thread;
        }

        @Override
        public long now() {
            return thread.turnNanoTime();
        }

        @Override
        public Alarm alarm(Runnable action) {
            return new OfIoTimer(thread.timer(action));
        }

        @Override
        public boolean execute(Runnable action) {
            try {
                thread.execute(action);
                return true;
            } catch (RejectedExecutionException e) {
                return false; // ended, and with it all that it held
            }
        }
    }

    /** The real one. */
    final class OfIoTimer implements Alarm {
        private final IoTimer timer;

        OfIoTimer(IoTimer timer) {
            this.timer = timer;
        }

        @Override
        public void set(long deadline) {
            timer.set(deadline);
        }

        @Override
        public void cancel() {
            timer.cancel();
        }
    }
}
