// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIoQueue;
import java.lang.foreign.MemorySegment;

/**
 * Work that goes on step by step: each step looks at what is known, does what can be done at once, and then either submits
 * this request, or puts itself into a queue of those who wait for something. A step whose wait is over looks at everything
 * anew, since all may have changed meanwhile.
 * <p>Steps follow each other in a loop and not out of each other, however soon a completion comes.
 */
abstract class Task extends BlockIo {

    /** What a method answers that put the task into a queue: the step ends here. */
    static final int WAIT = Integer.MIN_VALUE;

    private boolean running;
    private boolean again;
    private int outcome;

    Task(MemorySegment iovecs) {
        super(iovecs);
    }

    /** The result of what this task waited for: 0, or −errno. */
    final int outcome() {
        return outcome;
    }

    /** Goes on, with the result of what it waited for. */
    final void run(int result) {
        outcome = result;
        if (running) {
            again = true;
            return;
        }
        running = true;
        try {
            do {
                again = false;
                step();
            } while (again);
        } finally {
            running = false;
        }
        afterSteps();
    }

    /** For a step: the next one follows at once. */
    final void goOn() {
        outcome = 0;
        again = true;
    }

    abstract void step();

    /** After the last step for now; the task may be used for something else from here on. */
    void afterSteps() {
    }

    @Override
    protected final void onComplete(int result) {
        run(result);
    }

    /** Lets all that are in {@code queue} go on. Those that come back to it wait for the next time. */
    static void wake(BlockIoQueue queue, int result) {
        for (int left = queue.size(); left > 0 && !queue.isEmpty(); left--) {
            ((Task) queue.remove()).run(result);
        }
    }
}
