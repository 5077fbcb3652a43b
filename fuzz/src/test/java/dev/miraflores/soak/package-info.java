// SPDX-License-Identifier: Apache-2.0
/**
 * Disks under random requests, beside a model of what they must hold. Start at {@link dev.miraflores.soak.BlockSoak}.
 * <p>All that happens follows from a seed: the disk's set-up, the requests, and what comes and goes meanwhile. In which order
 * requests finish does not; a mismatch prints the seed, with which the same is tried again.
 */
package dev.miraflores.soak;
