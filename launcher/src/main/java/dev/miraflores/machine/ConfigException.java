// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/**
 * A machine was asked for that cannot be: the asker can put it right. The message is one line that names the thing,
 * the value and the way out.
 */
public final class ConfigException extends RuntimeException {

    /** With its one line. Control characters, as a value may have, are shown as '?'. */
    public ConfigException(String message) {
        super(oneLine(message));
    }

    /** As {@link #ConfigException(String)}. */
    public ConfigException(String message, Throwable cause) {
        super(oneLine(message), cause);
    }

    private static String oneLine(String message) {
        StringBuilder line = new StringBuilder(message);
        for (int i = 0; i < line.length(); i++) {
            if (Character.isISOControl(line.charAt(i))) {
                line.setCharAt(i, '?');
            }
        }
        return line.toString();
    }
}
