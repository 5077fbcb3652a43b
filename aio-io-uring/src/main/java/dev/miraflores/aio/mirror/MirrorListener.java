// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

/** Hears how a mirror gets on. */
@FunctionalInterface
public interface MirrorListener {

    /** Tells nobody. */
    MirrorListener NONE = new MirrorListener() {
        @Override
        public void stateChanged(MirrorJob job, MirrorState state) {
        }
    };

    /**
     * The job has come to {@code state}. Called on the job's thread, which goes on when this returns: it must not wait for
     * the job.
     */
    void stateChanged(MirrorJob job, MirrorState state);
}
