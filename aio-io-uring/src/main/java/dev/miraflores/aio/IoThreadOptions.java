// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * How an I/O thread is set up.
 *
 * @param pollMaxNs  the longest it looks for work before it sleeps; 0 never looks
 * @param pollGrow   what that time is multiplied by while waits are short; 0 is 2
 * @param pollShrink what it is divided by after a longer wait; 0 drops it to nothing
 */
public record IoThreadOptions(long pollMaxNs, int pollGrow, int pollShrink) {

    /** QEMU's. */
    public static final IoThreadOptions DEFAULTS = new IoThreadOptions(32_768, 0, 0);

    public IoThreadOptions {
        if (pollMaxNs < 0 || pollGrow < 0 || pollShrink < 0) {
            throw new IllegalArgumentException("poll-max-ns " + pollMaxNs + ", poll-grow " + pollGrow
                + ", poll-shrink " + pollShrink + ": none may be negative");
        }
    }
}
