// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** Whom a completion of the ring belongs to: the owner in its user_data. Called on the I/O thread. */
interface CqeHandler {

    /**
     * @param value  from the user_data
     * @param result or −errno
     * @param flags  {@code IORING_CQE_F_…}
     */
    void onCompletion(int value, int result, int flags);
}
