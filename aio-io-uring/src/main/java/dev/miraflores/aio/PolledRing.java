// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.aio.uring.RingMode;
import dev.miraflores.linux.ErrnoException;

/**
 * The ring for transfers whose completions nobody announces: while any is in flight, the thread asks the device for them,
 * each turn, and does not sleep.
 * <p>Thread: the I/O thread, but for the constructor.
 * <p>Source: io_uring_setup(2), IORING_SETUP_IOPOLL.
 */
final class PolledRing implements EngineQueue {

    final EngineRing transfers;
    private final UringPort port;
    /** Handed to the ring and not come back. Their requests are in flight in the engines they belong to. */
    private int entries;

    /**
     * @param port whose engines use it
     * @param mode anything but IO_POLL is for tests, on hosts whose devices cannot be asked
     * @throws DriveException where the kernel refuses
     */
    PolledRing(UringPort port, KernelFeatures features, RingMode mode) {
        this.port = port;
        try {
            transfers = new EngineRing(features, mode);
        } catch (ErrnoException e) {
            throw new DriveException("iopoll: the kernel refuses it: " + e.getMessage() + "; go without");
        }
    }

    void enable() {
        transfers.ring.enable();
    }

    /** A transfer was begun on the ring. */
    void begun() {
        entries++;
    }

    @Override
    public boolean hasEvents() {
        return entries != 0;
    }

    @Override
    public void submit() {
        transfers.ring.submit();
    }

    @Override
    public boolean enableEvents() {
        return entries != 0;
    }

    @Override
    public int dispatch() {
        if (entries == 0) {
            return 0;
        }
        transfers.ring.submitAndPoll();
        int count = transfers.dispatch();
        entries -= count;
        port.submitHeldBack();
        return count;
    }

    @Override
    public int inFlight() {
        return 0;
    }

    void close() {
        transfers.ring.close();
    }
}
