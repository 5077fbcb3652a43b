// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.virtio.MemoryInUseException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Things to close, the last opened first; each is closed whatever the others throw. But where a device would not end, and so
 * the kernel may yet write into the guest's memory, that stays mapped for good: what came to lie there would be overwritten.
 */
final class Cleanup implements AutoCloseable {

    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private final List<AutoCloseable> forRequests = new ArrayList<>();

    <T extends AutoCloseable> T add(T resource) {
        open.push(resource);
        return resource;
    }

    /** What requests in flight need: the memory, the thread they come back on. Devices have to be added after it. */
    <T extends AutoCloseable> T addForRequests(T resource) {
        forRequests.add(resource);
        return add(resource);
    }

    /** @throws IllegalStateException with what the first failure was, after all others were closed too */
    @Override
    public void close() {
        Throwable first = null;
        while (!open.isEmpty()) {
            AutoCloseable resource = open.pop();
            if (forRequests.contains(resource) && isMemoryInUse(first)) {
                continue;
            }
            try {
                resource.close();
            } catch (Exception | Error failure) {
                if (first == null) {
                    first = failure;
                } else {
                    first.addSuppressed(failure);
                }
            }
        }
        if (first != null) {
            throw new IllegalStateException("closing a machine failed: " + first.getMessage(), first);
        }
    }

    /** Whether {@code failure} or one that came with it says so. */
    private static boolean isMemoryInUse(Throwable failure) {
        if (failure == null || failure instanceof MemoryInUseException) {
            return failure != null;
        }
        for (Throwable another : failure.getSuppressed()) {
            if (isMemoryInUse(another)) {
                return true;
            }
        }
        return isMemoryInUse(failure.getCause());
    }
}
