// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.memory.GuestMemory;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Things to close, the last opened first; each is closed whatever the others throw. But memory that the kernel may yet write
 * into, as a device that would not end said, is left mapped for good: what comes to lie at its addresses would be overwritten.
 * So is the thread that serves such a device, which has no end as long as something is in flight.
 */
final class Cleanup implements AutoCloseable {

    private final Deque<AutoCloseable> open = new ArrayDeque<>();

    <T extends AutoCloseable> T add(T resource) {
        open.push(resource);
        return resource;
    }

    /** Memory that devices do I/O with; they have to be added after it. */
    GuestMemory addMemory(GuestMemory memory) {
        open.push(new Memory(memory));
        return memory;
    }

    /** The thread of devices that have none of their own; they have to be added after it. */
    MainLoop addMainLoop(MainLoop loop) {
        open.push(new Loop(loop));
        return loop;
    }

    /** Not closed as long as a device is at work with it. */
    private interface UsedByDevices {
    }

    private record Memory(GuestMemory memory) implements UsedByDevices, AutoCloseable {

        @Override
        public void close() {
            memory.close();
        }
    }

    private record Loop(MainLoop loop) implements UsedByDevices, AutoCloseable {

        @Override
        public void close() {
            loop.close();
        }
    }

    /** @throws IllegalStateException with what the first failure was, after all others were closed too */
    @Override
    public void close() {
        Throwable first = null;
        while (!open.isEmpty()) {
            AutoCloseable resource = open.pop();
            if (resource instanceof UsedByDevices && isMemoryInUse(first)) {
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
