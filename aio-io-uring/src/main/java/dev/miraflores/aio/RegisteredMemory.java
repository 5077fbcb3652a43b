// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.IoUring;
import dev.miraflores.linux.Errno;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Memory that is registered with a ring, which spares the kernel finding and pinning the pages of each direct transfer.
 * A part is registered when a buffer in it is first used: so nothing is pinned that the guest does not use for I/O, and
 * nobody waits for all of its memory.
 * <p>A ring has one table of buffers, so one memory; whoever comes with another goes without.
 * <p>Thread: the I/O thread.
 */
final class RegisteredMemory {

    static final int NONE = -1;

    private static final class Log {
        static final System.Logger LOGGER = System.getLogger(RegisteredMemory.class.getName());
    }

    /** By any ring: the limit is one of the process or its user. */
    private static final AtomicBoolean REFUSAL_SAID = new AtomicBoolean();

    private final IoUring ring;
    private IoMemory memory;
    private int users;
    private boolean[] registered;
    private boolean refused;

    RegisteredMemory(IoUring ring) {
        this.ring = ring;
    }

    /** Answers whether buffers in {@code wanted} can be had by index from now on, until {@link #leave}. */
    boolean join(IoMemory wanted) {
        if (memory == null && !refused && wanted.partCount() > 0) {
            int rc = ring.registerBufferTable(wanted.partCount());
            if (rc < 0) {
                refuse(-rc);
                return false;
            }
            memory = wanted;
            registered = new boolean[wanted.partCount()];
        }
        if (memory != wanted) {
            return false;
        }
        users++;
        return true;
    }

    /** One user fewer; the last one unpins it all. */
    void leave() {
        if (--users == 0) {
            ring.unregisterBuffers();
            memory = null;
            registered = null;
        }
    }

    /** The index of the registered buffer that all of a buffer lies in, or {@link #NONE}. */
    int indexOf(long address, long length) {
        int part = memory.partOf(address, length);
        return part < 0 || registered[part] || register(part) ? part : NONE;
    }

    private boolean register(int part) {
        if (refused) {
            return false;
        }
        int rc = ring.updateBuffer(part, memory.partAddress(part), memory.partLength(part));
        if (rc < 0) {
            refuse(-rc);
            return false;
        }
        registered[part] = true;
        return true;
    }

    /** What is registered stays so; nothing more is tried. */
    private void refuse(int errno) {
        refused = true;
        if (!REFUSAL_SAID.compareAndSet(false, true)) {
            return;
        }
        Log.LOGGER.log(System.Logger.Level.INFO, "guest memory is not, or not all, registered with io_uring: "
            + Errno.name(errno) + (errno == Errno.ENOMEM ? ", the memlock limit (ulimit -l) is too low" : ""));
    }
}
