// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

/** Reads and writes are held back apart from each other, since limits may be for either. Zeroes are written. */
enum ThrottleDirection {
    READ,
    WRITE
}
