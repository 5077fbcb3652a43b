// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/**
 * A device that is there for good, and has to stand still where its machine does.
 * <p>Thread: any.
 */
final class StillDevice implements Stillness.Device {

    private final Runnable pause;
    private final Runnable resume;

    /**
     * @param pause  returns when the device leaves guest memory alone
     * @param resume lets it go on
     */
    StillDevice(Runnable pause, Runnable resume) {
        this.pause = pause;
        this.resume = resume;
    }

    @Override
    public void pause() {
        pause.run();
    }

    @Override
    public void resume() {
        resume.run();
    }

    @Override
    public boolean isIn() {
        return true;
    }
}
