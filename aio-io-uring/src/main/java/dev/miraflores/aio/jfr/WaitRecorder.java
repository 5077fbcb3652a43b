// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

/**
 * Records one I/O thread's waits, where somebody wants each.
 * <p>Thread: the I/O thread. To be made once {@link FlightEvents#watch} has said that the events are there.
 */
public final class WaitRecorder {

    /** Asked, never committed. */
    private final IoThreadWaitEvent probe = new IoThreadWaitEvent();
    private IoThreadWaitEvent current;

    /** A wait begins. */
    public void begin() {
        if (probe.isEnabled()) {
            current = new IoThreadWaitEvent();
            current.begin();
        }
    }

    /**
     * It has ended.
     *
     * @param pollNs     for how long the thread was to look for work
     * @param slept      whether it slept
     * @param nextPollNs for how long it will look the next time
     */
    public void end(long pollNs, boolean slept, long nextPollNs) {
        IoThreadWaitEvent event = current;
        if (event == null) {
            return;
        }
        current = null;
        event.end();
        if (event.shouldCommit()) {
            event.pollTime = pollNs;
            event.slept = slept;
            event.nextPollTime = nextPollNs;
            event.commit();
        }
    }
}
