// SPDX-License-Identifier: Apache-2.0

/**
 * Which parts of a disk were written: {@link dev.miraflores.aio.dirty.DirtyBitmap}, and
 * {@link dev.miraflores.aio.dirty.DirtyStage}, which keeps one for a disk, for incremental backups.
 * <p>Maps live in memory: after the end of the process a backup has to begin anew.
 */
package dev.miraflores.aio.dirty;
