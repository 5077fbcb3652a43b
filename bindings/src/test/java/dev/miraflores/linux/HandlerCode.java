// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

/** Shows the machine code of {@link EveryThread} to tests in other packages. */
public final class HandlerCode {
    private HandlerCode() {}

    /** In hexadecimal digits. */
    public static String hex() {
        return EveryThread.HANDLER;
    }
}
