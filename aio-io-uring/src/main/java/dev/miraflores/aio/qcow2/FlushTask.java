// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

/** Waits for a commit, for one who has only a link that does everything at once. */
final class FlushTask extends Task {

    private static final int PENDING = 1;

    private int result = PENDING;

    FlushTask(Metadata metadata) {
        super(metadata.memory.zeroes.asSlice(0, 0));
        if (metadata.committer.isClean() && metadata.space.isUnsure()) {
            metadata.space.settle(this);
        } else {
            metadata.committer.flush(this);
        }
    }

    int result() {
        if (result == PENDING) {
            throw new IllegalStateException("a commit was left undone");
        }
        return result;
    }

    @Override
    void step() {
        result = outcome();
    }

    @Override
    protected void onFailure(Throwable bug) {
        throw new IllegalStateException(bug);
    }
}
