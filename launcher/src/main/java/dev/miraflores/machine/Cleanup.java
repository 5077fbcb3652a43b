// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.ArrayDeque;
import java.util.Deque;

/** Things to close, the last opened first; each is closed whatever the others throw. */
final class Cleanup implements AutoCloseable {

    private final Deque<AutoCloseable> open = new ArrayDeque<>();

    <T extends AutoCloseable> T add(T resource) {
        open.push(resource);
        return resource;
    }

    /** @throws IllegalStateException with what the first failure was, after all others were closed too */
    @Override
    public void close() {
        Throwable first = null;
        while (!open.isEmpty()) {
            try {
                open.pop().close();
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
}
