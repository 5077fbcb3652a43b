// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

/**
 * How far a {@link MirrorJob} is, in numbers.
 *
 * @param state       in a word
 * @param totalBytes  bytes on the disk
 * @param copiedBytes bytes copied so far, zeroes included, and more than once where the guest wrote meanwhile
 * @param dirtyBytes  bytes still to be copied, as of now
 */
public record MirrorProgress(MirrorState state, long totalBytes, long copiedBytes, long dirtyBytes) {
}
