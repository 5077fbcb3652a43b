// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** A link that a request passes on its way back. See {@link BlockIo#onReturn}. */
@FunctionalInterface
public interface BlockReturn {

    /**
     * The links further down are done with {@code io}. Passes the result on with {@link BlockIo#complete}, now or later.
     *
     * @param result 0, or −errno
     */
    void onReturn(BlockIo io, int result);
}
