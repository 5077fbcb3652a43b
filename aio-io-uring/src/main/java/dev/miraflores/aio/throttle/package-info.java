// SPDX-License-Identifier: Apache-2.0

/**
 * Limits on what disks do: so many bytes or operations per second, in total or for reads and writes, with bursts, alone or
 * shared by the disks of a group. Names, rules and meaning are those of QEMU's {@code throttling.*}.
 * <p>Start at {@link dev.miraflores.aio.throttle.ThrottleGroup}; a {@link dev.miraflores.aio.throttle.ThrottleStage} joins a
 * disk to one; {@link dev.miraflores.aio.throttle.ThrottleOptions} reads what a drive says.
 * <p>A request takes its place in its group's {@code LeakyBucket}s, by compare-and-set, and learns when it may go: mostly at
 * once. If not, it waits on its own I/O thread, with those behind it, for a timer. In each direction a disk has one request
 * that has taken its place while the others wait; that is what makes the disks of a group take turns, round and round,
 * whatever their queues' depth or number. No disk waits for another's thread: one that is late leaves room to those that are not, so
 * the group always does what it may.
 * <p>Drains let everything go at once, and count it: what comes later waits the longer.
 * <p>Source: docs/throttle.txt, util/throttle.c and block/throttle-groups.c of QEMU.
 */
package dev.miraflores.aio.throttle;
