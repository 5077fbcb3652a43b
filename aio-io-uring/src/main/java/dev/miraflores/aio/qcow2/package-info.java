// SPDX-License-Identifier: Apache-2.0

/**
 * Disk images in QEMU's qcow2 format, versions 2 and 3: {@link dev.miraflores.aio.qcow2.Qcow2Image} opens one and makes
 * links to it.
 * <p>An image's tables are held in bounded caches. Requests whose clusters are in place go to the file as they are; what has
 * to be looked up, allocated or written first is done step by step between other requests, and the I/O thread never waits.
 * Tables are written when the guest flushes, when the caches fill up, and at the end, in an order in which the image is
 * valid after each write. Nothing an image says is trusted: offsets are checked when they are used, and where two things
 * contradict each other nothing more is written.
 * <p>Source: QEMU, docs/interop/qcow2.
 * <p>Left out: encryption, external data files, extended L2 entries, zstd; writing compressed clusters; making and
 * removing snapshots (those that are there are kept); persistent bitmaps (they are marked as out of date).
 */
package dev.miraflores.aio.qcow2;
