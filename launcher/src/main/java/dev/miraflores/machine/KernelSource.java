// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.nio.file.Path;

/** Where a kernel comes from. */
public sealed interface KernelSource {

    /** A file on the host. */
    record InFile(Path path) implements KernelSource {
    }

    /**
     * The bytes of one.
     *
     * @param name    what messages call it
     * @param content not to be changed any more
     */
    record InMemory(String name, byte[] content) implements KernelSource {
    }
}
