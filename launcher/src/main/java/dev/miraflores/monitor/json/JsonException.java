// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.json;

/** What was to be JSON is none. The message is one line. */
public final class JsonException extends Exception {

    private static final long serialVersionUID = 1L;

    JsonException(String message) {
        super(message);
    }
}
