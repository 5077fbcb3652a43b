// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Poll;

/**
 * Polls on a descriptor, one at a time for each direction; each is an entry of the ring that goes along with the thread's next
 * call.
 * <p>Source: io_uring_enter(2), IORING_OP_POLL_ADD.
 */
final class UringDescriptorWatch implements DescriptorWatch, CqeHandler {

    // The operations, by which the owner tells its completions apart.
    private static final int READABLE = 0;
    private static final int WRITABLE = 1;
    private static final int[] EVENTS = {Poll.POLLIN, Poll.POLLOUT};

    private final UringPort port;
    private final int descriptor;
    private final DescriptorHandler handler;
    private final int owner;
    private final boolean[] wanted = new boolean[EVENTS.length];
    private final boolean[] armed = new boolean[EVENTS.length];
    private boolean waitsForRoom;
    private boolean closed;

    UringDescriptorWatch(UringPort port, int descriptor, DescriptorHandler handler) {
        this.port = port;
        this.descriptor = descriptor;
        this.handler = handler;
        this.owner = port.engineRing.addOwner(this);
    }

    @Override
    public void awaitReadable() {
        want(READABLE);
    }

    @Override
    public void awaitWritable() {
        want(WRITABLE);
    }

    private void want(int direction) {
        if (closed) {
            throw new IllegalStateException("the watch of descriptor " + descriptor + " is closed");
        }
        wanted[direction] = true;
        arm(direction);
    }

    private void arm(int direction) {
        if (armed[direction] || waitsForRoom) {
            return;
        }
        long entry = port.engineRing.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            waitsForRoom = true;
            port.armLater(this::armAgain);
            return;
        }
        port.engineRing.sq.preparePoll(entry, descriptor, EVENTS[direction], false, UserData.pack(owner, direction));
        armed[direction] = true;
    }

    /** There may be room in the ring again. */
    void armAgain() {
        waitsForRoom = false;
        if (closed) {
            removeOwner();
            return;
        }
        for (int direction = 0; direction < EVENTS.length; direction++) {
            if (wanted[direction]) {
                arm(direction);
            }
        }
    }

    @Override
    public void onCompletion(int direction, int result, int flags) {
        armed[direction] = false;
        if (closed) {
            removeOwner();
            return;
        }
        if (result == -Errno.EAGAIN || result == -Errno.ECANCELED) {
            arm(direction); // the kernel was short of memory for it
            return;
        }
        wanted[direction] = false;
        if (result < 0) {
            handler.onWatchFailed(-result);
        } else if (direction == READABLE) {
            handler.onReadable();
        } else {
            handler.onWritable();
        }
    }

    private void removeOwner() {
        if (!armed[READABLE] && !armed[WRITABLE] && !waitsForRoom) {
            port.engineRing.removeOwner(owner);
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (int direction = 0; direction < EVENTS.length; direction++) {
            if (armed[direction]) {
                disarm(direction);
            }
        }
        // Entries have the descriptor's number, which must still be the same file when the kernel reads them.
        port.submitFully();
        removeOwner();
    }

    private void disarm(int direction) {
        long entry;
        while ((entry = port.engineRing.beginEntry()) == SubmissionQueue.FULL) {
            Thread.onSpinWait(); // the kernel is short of memory for the moment
        }
        port.engineRing.sq.preparePollCancel(
            entry, UserData.pack(owner, direction), UserData.pack(EngineRing.NOBODY, direction));
    }
}
