// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** poll(2) for one descriptor; many are {@link Epoll}'s. */
public final class Poll {
    public static final int POLLIN = libc_h.POLLIN;
    public static final int POLLOUT = libc_h.POLLOUT;
    public static final int POLLERR = libc_h.POLLERR;
    public static final int POLLHUP = libc_h.POLLHUP;
    public static final int POLLNVAL = libc_h.POLLNVAL;

    private static final MemorySegment POLL = Libc.symbol("poll");

    private static final long ENTRY_OFFSET = Libc.SCRATCH_OFFSET;

    private Poll() {}

    /**
     * Waits until one of the events is there.
     *
     * @param timeoutMs 0 does not wait, −1 waits for ever
     * @return the events, 0 when time is up, or −errno
     */
    public static int poll(int fd, int events, int timeoutMs) {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_INT, ENTRY_OFFSET + libc_abi.pollfd.fd, fd);
        state.set(ValueLayout.JAVA_SHORT, ENTRY_OFFSET + libc_abi.pollfd.events, (short) events);
        int rc = Libc.callInt(POLL, state.address() + ENTRY_OFFSET, 1, timeoutMs);
        return rc <= 0 ? rc : state.get(ValueLayout.JAVA_SHORT, ENTRY_OFFSET + libc_abi.pollfd.revents) & 0xFFFF;
    }

    /** Whether one of the events is there now; {@link #POLLHUP}, {@link #POLLERR} and {@link #POLLNVAL} may be among those asked for. */
    public static boolean isReady(int fd, int events) {
        // Without a wait the call is only interrupted where it has found nothing.
        int found = poll(fd, events, 0);
        return found > 0 && (found & events) != 0;
    }
}
