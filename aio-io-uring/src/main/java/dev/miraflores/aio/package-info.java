// SPDX-License-Identifier: Apache-2.0

/**
 * I/O threads, and the block I/O that runs on them.
 * <p>An {@link dev.miraflores.aio.IoThread} waits in one place for doorbells, completions and messages. A
 * {@link dev.miraflores.aio.BlockFile} is an image, opened, checked and locked. {@link dev.miraflores.aio.IoThread#open}
 * joins the two to a {@link dev.miraflores.aio.BlockEngine}, a {@link dev.miraflores.aio.BlockLink} that takes {@link dev.miraflores.aio.BlockIo}s; links of
 * other kinds can stand before it.
 * <p>All of a link's work is done on the thread it belongs to: nothing here locks, and nothing allocates per request or
 * per turn of the loop. Failed I/O is a result, −errno as in a CQE; what cannot be set up is an exception.
 * <p>Left out: any other engine than io_uring.
 */
package dev.miraflores.aio;
