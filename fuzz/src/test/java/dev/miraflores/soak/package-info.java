// SPDX-License-Identifier: Apache-2.0
/**
 * Disks under random requests, beside a model of what they must hold: start at {@link dev.miraflores.soak.BlockSoak}. NICs that send
 * each other packets whose content is known from their number: start at {@link dev.miraflores.soak.NetSoak}.
 * <p>All that happens follows from a seed: the set-up, requests and packets, and what comes and goes meanwhile. In which order
 * they finish does not; a mismatch prints the seed, with which the same is tried again.
 */
package dev.miraflores.soak;
