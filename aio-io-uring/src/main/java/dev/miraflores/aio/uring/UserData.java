// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

/**
 * What is in a {@code user_data}, which the kernel hands from an SQE to its CQEs untouched.
 * <pre>  63..32   owner   who gets the completion: an index into a table of the ring's user
 *   31..0    value   which of the owner's operations it is </pre>
 */
public final class UserData {

    private UserData() {
    }

    public static long pack(int owner, int value) {
        return (long) owner << 32 | value & 0xFFFF_FFFFL;
    }

    public static int owner(long userData) {
        return (int) (userData >>> 32);
    }

    public static int value(long userData) {
        return (int) userData;
    }
}
