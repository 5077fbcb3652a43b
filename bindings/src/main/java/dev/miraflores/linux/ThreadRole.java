// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.lang.foreign.MemorySegment;

/**
 * What a thread is for, and so what it has no need of: where the process is sandboxed, threads of a role are under a filter of
 * their own besides the process's.
 *
 * <p>Thread: {@link #enter}, a thread of that role; {@link #narrow}, any, once.
 */
public final class ThreadRole {
    /** Runs a guest. */
    public static final ThreadRole VCPU = new ThreadRole();
    /** Does the I/O of disks and the like. */
    public static final ThreadRole IO = new ThreadRole();

    /** Lives as long as the process, or threads that come later could not be put under it. */
    private volatile MemorySegment filter;

    private ThreadRole() {}

    /**
     * Has threads of this role be under a filter from now on; those that run already have to {@link #enter} again.
     *
     * @param program {@code struct sock_filter[]}, as {@link Seccomp} takes it; in memory that is never freed
     */
    public void narrow(MemorySegment program) {
        filter = program;
    }

    /** The first thing that a thread of this role does. Nothing, in a process without a sandbox. */
    public void enter() {
        MemorySegment program = filter;
        if (program != null) {
            ErrnoException.check("seccomp(this thread)", Seccomp.installOnThisThread(program));
        }
    }
}
