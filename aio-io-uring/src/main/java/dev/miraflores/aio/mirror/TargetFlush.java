// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import java.lang.foreign.MemorySegment;

/**
 * The job's own flush of the target.
 * <p>Thread: {@code start} and {@code isDone}, the job's; the rest, the copier's I/O thread.
 */
final class TargetFlush extends BlockIo implements Runnable {

    private final Copier copier;
    private boolean watched;
    private boolean atTarget;
    private int checksBefore;
    private String failure;
    /** After {@code failure}. */
    private volatile boolean done = true;

    TargetFlush(Copier copier) {
        super(MemorySegment.NULL);
        this.copier = copier;
    }

    /** Begins; one at a time. */
    void start(boolean deadline) {
        watched = deadline;
        failure = null;
        done = false;
        copier.execute(this);
    }

    boolean isDone() {
        return done;
    }

    /** Once it is done: what went wrong, or {@code null}. */
    String failure() {
        return failure;
    }

    @Override
    public void run() {
        begin(Operation.FLUSH, 0);
        atTarget = true;
        checksBefore = copier.checks();
        copier.beginAtTarget();
        try {
            copier.target().submit(this);
        } catch (RuntimeException | Error bug) {
            onFailure(bug);
        }
    }

    @Override
    protected void onComplete(int result) {
        atTarget = false;
        failure = result < 0 ? TargetFault.describe(this, result) : null;
        done = true;
        copier.core.wake();
        copier.endAtTarget();
    }

    void check() {
        if (atTarget && watched && copier.core.isOverdue(copier.checks() - checksBefore)) {
            copier.core.failOverdue("flush");
        }
    }

    @Override
    protected void onFailure(Throwable bug) {
        copier.core.fail("a bug in a link: " + bug);
    }
}
