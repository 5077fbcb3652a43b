// SPDX-License-Identifier: Apache-2.0

/**
 * I/O threads, and the block I/O that runs on them.
 * <p>An {@link dev.miraflores.aio.IoThread} waits in one place for doorbells, completions and messages. A
 * {@link dev.miraflores.aio.BlockFile} is an image, opened, checked and locked. {@link dev.miraflores.aio.IoThread#open}
 * joins the two to a {@link dev.miraflores.aio.BlockEngine}, a {@link dev.miraflores.aio.BlockLink} that takes {@link dev.miraflores.aio.BlockIo}s; links of
 * other kinds can stand before it.
 * <p>All of a link's work is done on the thread it belongs to: nothing here locks, and nothing allocates per request or
 * per turn of the loop. Calls that would wait are made by threads of the engine's own, a pool for each link, to and from which
 * requests go through bounded arrays without locks. Failed I/O is a result, −errno as in a CQE; what cannot be set up is an exception.
 *
 * <h2>Writing a stage</h2>
 * What stands between a disk and its image is open: a {@link dev.miraflores.aio.BlockStage} of your own works beside the
 * throttle, the mirror and the others, for the drives that name it and at no cost to those that do not. It takes three classes
 * and a line; {@link java.util.ServiceLoader}
 * finds them. {@code docs/stage-example} is a whole one.
 * <ol>
 * <li>A {@link dev.miraflores.aio.BlockStageProvider}: the name that drives use, and a factory, which reads the drive's
 *     {@code stage.KEY=VALUE}, refuses keys it does not know ({@link dev.miraflores.aio.StageRequest#allow}) and values it
 *     cannot use ({@link dev.miraflores.aio.StageRequest#refusal}). In a module, {@code provides} it; on the class path, name
 *     it in {@code META-INF/services/dev.miraflores.aio.BlockStageProvider}.
 * <li>The stage: what the whole disk has in common. Links on several threads use it at once.
 * <li>The {@link dev.miraflores.aio.BlockLink}: one for each queue of the disk, on that queue's thread. What it alone has
 *     needs no lock, and it must not block: other disks may be on the thread.
 * </ol>
 * Run it with {@code hv run --stage-path stage.jar --drive file=F,stage=NAME,stage.KEY=VALUE}, where it is a module; a program
 * that embeds a machine names that path in its configuration, or has the stage on its own.
 * <p>A link may do these things with a {@link dev.miraflores.aio.BlockIo}, in each case once:
 * <pre>  let it through            next.submit(io)
 *   see its result            io.onReturn(this), then next.submit(io); onReturn(io, result) ends in io.complete(result)
 *   answer it itself          io.complete(0) or io.complete(-errno)
 *   hold it back              a BlockIoQueue; later, from a timer or a message, io.passTo(next)
 *   do something else first   submit a BlockIo of its own to next, hold io back until that completes </pre>
 * Offsets and lengths are checked already, to lie on the disk and to be whole sectors. A request has buffers if it is a READ
 * or a WRITE; {@link dev.miraflores.aio.LinkOptions#memory} gets at their bytes while it is in flight, unless they are another
 * stage's own. The guest may change the buffers of its writes at any time: what must not change has to be copied first. A
 * WRITE_ZEROES changes the disk as a write does, and so, maybe, does a DISCARD.
 * <p>Timers are {@link dev.miraflores.aio.IoThread#timer}, messages from other threads {@link dev.miraflores.aio.IoThread#execute}.
 * A link that holds requests back for long lets them go in {@link dev.miraflores.aio.BlockLink#beginDrain}, or a reset of the disk
 * waits for them. An exception that a link throws while it handles a request ends its disk, which then needs a reset by its
 * driver; other disks and the machine go on. What {@code submit} and {@code onReturn} allocate is garbage once per request.
 * <p>Links are called in the order in which a drive names its stages, the first is next to the guest.
 * <p>Left out: image formats, which are stages or packages of their own.
 */
package dev.miraflores.aio;
