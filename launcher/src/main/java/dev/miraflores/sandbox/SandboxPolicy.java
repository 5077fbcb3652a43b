// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import dev.miraflores.aio.IoThread;
import java.util.ArrayList;
import java.util.List;

/**
 * Collects what a process needs in its sandbox besides what the JVM and machines need anyway. What is open already needs nothing:
 * it goes on working.
 * <p>Thread: one.
 */
public final class SandboxPolicy {

    final List<String> readable = new ArrayList<>();
    final List<String> writable = new ArrayList<>();
    final List<String> changeable = new ArrayList<>();
    final List<String> emptiable = new ArrayList<>();
    final List<IoThread> ioThreads = new ArrayList<>();
    boolean connects;
    boolean vhost;
    boolean tap;

    public SandboxPolicy() {
    }

    /** Leaves a file, or all in a directory and below, to be read. A path where there is nothing yet counts for nothing. */
    public SandboxPolicy readable(String path) {
        readable.add(path);
        return this;
    }

    /** Leaves a file or device to be opened, read and written. */
    public SandboxPolicy writable(String path) {
        writable.add(path);
        return this;
    }

    /** Leaves all in a directory and below to be read, written, made and removed. */
    public SandboxPolicy changeable(String directory) {
        changeable.add(directory);
        return this;
    }

    /** Leaves files in a directory and below to be removed, such as a socket that has to go at the end. */
    public SandboxPolicy emptiable(String directory) {
        emptiable.add(directory);
        return this;
    }

    /** Threads that run already and do I/O; those that start later come under the same rules by themselves. */
    public SandboxPolicy ioThreads(List<IoThread> threads) {
        ioThreads.addAll(threads);
        return this;
    }

    /** Leaves Unix sockets to be connected, to whatever listens on this host: for who has to connect anew later. */
    public SandboxPolicy connects(boolean may) {
        connects = may;
        return this;
    }

    /** Leaves the kernel's vhost to be told of rings and memory, by the threads of devices that it serves. */
    public SandboxPolicy vhost(boolean may) {
        vhost = may;
        return this;
    }

    /** Leaves the queues of open taps to be switched on and off, and told what the guest takes. */
    public SandboxPolicy tap(boolean may) {
        tap = may;
        return this;
    }
}
