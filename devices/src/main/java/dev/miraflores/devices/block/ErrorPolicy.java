// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.linux.Errno;
import java.util.Locale;

/** What becomes of a request that fails on the host: {@code rerror=} and {@code werror=}, with QEMU's words and meaning. */
public enum ErrorPolicy {
    /** The driver is told, with VIRTIO_BLK_S_IOERR. */
    REPORT,
    /** The driver is told that all is well. */
    IGNORE,
    /** The request is held, and the machine told; {@link VirtioBlockDevice#resume} tries it anew. */
    STOP,
    /** As {@link #STOP} where the host has no room left (ENOSPC), as {@link #REPORT} otherwise. Writes only. */
    ENOSPC;

    /** The option's value. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether a request that failed with {@code errno} is held. */
    boolean holds(int errno) {
        return this == STOP || this == ENOSPC && errno == Errno.ENOSPC;
    }
}
