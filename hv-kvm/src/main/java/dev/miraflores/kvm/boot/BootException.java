// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

/**
 * What was given cannot be booted: a file that is no kernel, is cut off, does not fit. The message is one line that
 * names the thing, the value and the way out. Thrown before the guest runs; the only exception that a file's content
 * can cause.
 */
public final class BootException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** With its one line. Control characters, as a file's name may have, are shown as '?'. */
    public BootException(String message) {
        super(oneLine(message));
    }

    private static String oneLine(String message) {
        char[] chars = message.toCharArray();
        for (int i = 0; i < chars.length; i++) {
            if (Character.isISOControl(chars[i])) {
                chars[i] = '?';
            }
        }
        return new String(chars);
    }
}
