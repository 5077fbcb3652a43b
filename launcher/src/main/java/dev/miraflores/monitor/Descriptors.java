// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.linux.Fd;
import java.util.HashMap;
import java.util.Map;

/**
 * Descriptors that clients have handed in, by the names that they gave them (QEMU's {@code getfd}). All clients have the same.
 * <p>Thread: any; its lock is a leaf.
 */
public final class Descriptors {

    /** As many as there can be at a time: who connects must not use them up. */
    public static final int MOST = 64;

    private final Map<String, Fd> named = new HashMap<>();
    private boolean ended;

    /** Keeps one, in the place of that which had the name. It is this object's, or closed where this throws. */
    public synchronized void put(String name, Fd descriptor) {
        if (descriptor == null) {
            throw new MonitorException("No file descriptor supplied via SCM_RIGHTS");
        }
        String wrong = name.isEmpty() || Character.isDigit(name.charAt(0))
                ? "Parameter 'fdname' expects a name not starting with a digit"
                : !named.containsKey(name) && named.size() >= MOST
                ? "there are " + MOST + " descriptors already; give some back with closefd" : ended ? "the machine has ended" : null;
        if (wrong != null) {
            descriptor.close();
            throw new MonitorException(wrong);
        }
        Fd before = named.put(name, descriptor);
        if (before != null) {
            before.close();
        }
    }

    /** Takes one: it is the caller's. */
    public synchronized Fd take(String name) {
        Fd descriptor = named.remove(name);
        if (descriptor == null) {
            throw new MonitorException("File descriptor named '" + name + "' not found");
        }
        return descriptor;
    }

    public void close(String name) {
        take(name).close();
    }

    /** Closes all, and keeps none any more. */
    synchronized void end() {
        ended = true;
        named.values().forEach(Fd::close);
        named.clear();
    }
}
