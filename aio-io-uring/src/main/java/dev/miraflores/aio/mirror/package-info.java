// SPDX-License-Identifier: Apache-2.0

/**
 * Mirrors a disk to another file while the guest uses it. Start at {@link dev.miraflores.aio.mirror.MirrorJob}; what it wants
 * of a disk is {@link dev.miraflores.aio.mirror.MirroredDisk}.
 *
 * <h2>Who does what</h2>
 * The job's thread decides and waits. A {@code Copier} has the disk's first I/O thread copy chunks. A {@code MirrorStage} stands
 * behind all other stages of the disk; its links see what the guest writes, and each I/O thread has a {@code MirrorLane}, with
 * a link to the target, buffers, and a fixed number of requests. All of them share a dirty map and range locks.
 *
 * <h2>Why the target has what the source has</h2>
 * Two rules:
 * <ol>
 * <li>Whatever writes a range of the target holds the lock on that range (rounded to what the target writes at a time, so
 *     that a write of a part of a block cannot undo its neighbour's).
 * <li>Whatever changes the source without changing the target in the same way marks the range: before it starts, and again
 *     when it has ended, whatever its result.
 * </ol>
 * Call a byte settled when its granule is not marked, nobody holds the lock on it, and nothing of the second rule is under way
 * on it. <em>A settled byte is the same on both sides.</em> At first no byte is settled, as all are marked. A byte that is not
 * settled becomes so in one of these ways:
 * <ul>
 * <li>A chunk was copied. It takes the lock, clears the marks, reads the source (or finds a hole there), writes the target,
 *     and gives the lock back: the target has what was read. If the source changed since the read began, then not by a write
 *     to both sides, which needs the lock. So it was something of the second rule, which ended after the read began, and so
 *     after the marks were cleared; or is under way still. It marks at its end, hence either the byte is marked again or it
 *     is not settled yet. (The mark looks at the bit behind a full fence, and the clearing is a read-modify-write: a mark that
 *     finds the bit still set comes before the clearing, and then the read sees what was written.)
 * <li>A write to both sides ended. Both got the same bytes, from a copy that the guest cannot change, while no one else wrote
 *     that range of the target; and of the source only what falls under the second rule. If the source refused the write,
 *     nobody knows what it has there, and the range is marked before the lock is given back. If the target refused, the
 *     mirror has failed and nothing is said of the target any more.
 * <li>Something of the second rule ended: then the byte is marked, and not settled.
 * </ul>
 * {@link dev.miraflores.aio.mirror.MirrorJob#stop} and {@code complete} look when the disk is still: nothing of the guest's is
 * under way on any thread. They copy what is marked, after which nothing is marked, nobody holds a lock, and so every byte is
 * settled: the target is the disk as of that moment. As no request of the guest's was under way then, it is also a moment
 * that the guest could have seen.
 * <p>Discards are of the second kind even when writes go to both sides: what a discarded range reads as is the source's to
 * say. They are copied soon after, as holes where the source has made holes.
 *
 * <h2>A target that fails</h2>
 * does the guest no harm. While copying, no request of the guest's goes there. Later, one that does waits for it at most as long
 * as {@link dev.miraflores.aio.mirror.MirrorConfig#targetTimeoutNs} says, and a little more; an error, or no answer, ends the
 * mirror, and all requests then have the result that the source gave. What is still under way at a target that does not
 * answer reads memory of the mirror, never of the guest, and keeps it and the file until it is done.
 *
 * <h2>After a crash</h2>
 * Nothing of the mirror outlives the process; which state it had reached is for whoever listens to write down. Before
 * {@code READY} the target is of no use. Once it is {@code READY}, a write is complete for the guest only when it is on both
 * sides, and a flush, or a write that is to be durable, only when it is durable on both. So if the process is killed or the
 * host crashes, the target is, like the source, what a disk is that lost power: all that the guest was told to be durable is
 * there, and of what was under way, any part. Two exceptions: a range that was discarded, or whose write the source refused,
 * may have older content on the target until it was copied; no guest may rely on either. After {@code stop} and {@code complete}
 * return, the target is durable as it is.
 *
 * <h2>Size</h2>
 * A disk that is resized while it is mirrored ends the mirror, which says so; the resizing goes on.
 *
 * <p>Left out: targets in another format than raw, unless somebody writes a
 * {@link dev.miraflores.aio.mirror.MirrorTarget}; going on where a process that is gone had stopped.
 */
package dev.miraflores.aio.mirror;
