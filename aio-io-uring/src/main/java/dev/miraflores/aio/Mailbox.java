// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.EventFd;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jctools.queues.atomic.MpscLinkedAtomicQueue;

/**
 * Messages to an I/O thread, from any thread; nobody waits for anybody.
 * <p>Each message runs exactly once or is refused to its sender, also when it is sent while the thread ends.
 * <p>Thread: {@code send}, any; the rest, the I/O thread.
 */
final class Mailbox implements AutoCloseable {

    /** The queue's flavour without sun.misc.Unsafe. */
    private final MpscLinkedAtomicQueue<Message> queue = new MpscLinkedAtomicQueue<>();
    private final EventFd event = EventFd.create();
    private final AtomicBoolean signalled = new AtomicBoolean();
    private volatile boolean ended;

    /** A message belongs to whoever sets it first: the I/O thread runs it, the sender takes it back. */
    private static final class Message extends AtomicBoolean {
        private static final long serialVersionUID = 1L;
        final transient Runnable action;

        Message(Runnable action) {
            this.action = action;
        }
    }

    /** Signalled while messages wait. */
    EventFd event() {
        return event;
    }

    /** Answers whether the message will run, or has. */
    boolean send(Runnable action) {
        if (ended) {
            return false;
        }
        Message message = new Message(action);
        queue.offer(message);
        // Store of the message above, then load below; weaker, and a message behind the last sweep is never run.
        VarHandle.fullFence();
        if (ended) {
            return !message.compareAndSet(false, true);
        }
        if (signalled.compareAndSet(false, true)) {
            signal();
        }
        return true;
    }

    /** The lock is for a close at the same time, after which the descriptor's number may be another's. */
    private synchronized void signal() {
        if (event.isOpen()) {
            event.signal();
        }
    }

    /** Whether {@link #take} has something. Looks at memory only. */
    boolean hasMessages() {
        return signalled.get();
    }

    /** The next message, or {@code null}. */
    Runnable take() {
        // Before the queue is looked at, so that a message that comes after the look signals again.
        if (signalled.get()) {
            signalled.set(false);
        }
        for (Message message; (message = queue.poll()) != null; ) {
            if (message.compareAndSet(false, true)) {
                return message.action;
            }
        }
        return null;
    }

    /** No more messages: those that come are refused, those that came are still to be taken. */
    void end() {
        ended = true;
        VarHandle.fullFence();
    }

    @Override
    public synchronized void close() {
        event.close();
    }
}
