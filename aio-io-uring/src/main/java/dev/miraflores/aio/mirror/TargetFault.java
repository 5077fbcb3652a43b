// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import java.util.Locale;

/** Words for what went wrong with a request. */
final class TargetFault {

    private TargetFault() {
    }

    /** Which request. */
    static String describe(BlockIo io) {
        String what = io.operation().name().toLowerCase(Locale.ROOT).replace('_', ' ');
        return io.operation() == Operation.FLUSH
            ? what : what + " of " + io.byteCount() + " bytes at offset " + io.offset();
    }

    /** Which request, and its result. */
    static String describe(BlockIo io, int result) {
        return describe(io) + ": " + Errno.name(-result) + " (" + -result + ")";
    }
}
