// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static dev.miraflores.bindings.iouring.io_uring_abi.IORING_CQE_F_MORE;

import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Poll;

/**
 * A poll on an eventfd. Where the kernel can, it stays armed and completes at each signal, so that a doorbell costs no
 * system call at all: the count is left to grow. Where it cannot, the count is taken and the poll armed anew.
 */
final class UringWatch implements Watch, CqeHandler {

    /** The only operation; the owner tells watches apart. */
    private static final int POLL = 0;

    private final UringPort port;
    private final EventFd event;
    private final EventHandler handler;
    private final boolean multishot;
    private final int owner;
    private boolean armed;
    private boolean closed;

    UringWatch(UringPort port, EventFd event, EventHandler handler, boolean multishot) {
        this.port = port;
        this.event = event;
        this.handler = handler;
        this.multishot = multishot;
        this.owner = port.engineRing.addOwner(this);
    }

    void arm() {
        if (closed) {
            port.engineRing.removeOwner(owner);
            return;
        }
        long entry = port.engineRing.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            port.armLater(this::arm);
            return;
        }
        port.engineRing.sq.preparePoll(
            entry, event.number(), Poll.POLLIN, multishot, UserData.pack(owner, POLL));
        // At once: the entry has the descriptor's number, which must still be the same file when the kernel reads it.
        port.submitFully();
        armed = true;
    }

    @Override
    public void onCompletion(int value, int result, int flags) {
        boolean over = (flags & IORING_CQE_F_MORE) == 0;
        if (closed) {
            if (over) {
                port.engineRing.removeOwner(owner);
            }
            return;
        }
        if (result < 0 && result != -Errno.ECANCELED && result != -Errno.EAGAIN) {
            throw new ErrnoException("poll(eventfd=" + event.number() + ")", -result);
        }
        if (over) {
            armed = false;
            if (!multishot) {
                event.drain();
            }
            arm();
        }
        handler.onEvent();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (!armed) {
            return; // the next attempt to arm it lets go of the owner
        }
        long entry;
        while ((entry = port.engineRing.beginEntry()) == SubmissionQueue.FULL) {
            Thread.onSpinWait(); // the kernel is short of memory for the moment
        }
        port.engineRing.sq.preparePollCancel(
            entry, UserData.pack(owner, POLL), UserData.pack(EngineRing.NOBODY, POLL));
        port.submitFully();
    }
}
