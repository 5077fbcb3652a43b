// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.ArrayList;
import java.util.List;

/**
 * Brings vCPUs and devices to a stand, and lets them go on: vCPUs stop first and start last, so that no device has new work while
 * it finishes the old.
 * <p>Thread: any but I/O threads and vCPUs; {@link #requestPause}, any.
 */
final class Stillness implements DeviceEvents.Machine {

    private static final String ASKED_FOR = "by request";

    /** The vCPUs, the devices, and who is told. */
    interface Parts {

        /** Returns when the vCPUs stand still; false where the machine stopped instead. */
        boolean pause();

        /** The same, without the wait. */
        void requestPause();

        void resume();

        boolean isPaused();

        List<Device> devices();

        void paused(String why);

        void resumed();
    }

    /** A device that does something of its own, such as a disk, as far as it is needed here. */
    interface Device {

        /** Waits for what is in flight; throws where that takes too long. */
        void pause();

        void resume();

        /** Whether the guest still has it. */
        boolean isIn();
    }

    private final Parts parts;
    private boolean devicesStill;
    /** The listeners know that it is paused. */
    private boolean told;
    /** By a disk, since the last resume began. */
    private volatile boolean pauseWanted;

    Stillness(Parts parts) {
        this.parts = parts;
    }

    /** Returns when nothing moves; false where the machine stopped instead. Where it throws a disk may want the pause still. */
    synchronized boolean pause() {
        if (!parts.pause()) {
            return false;
        }
        if (devicesStill) {
            return true;
        }
        try {
            pauseDevices();
        } catch (RuntimeException e) {
            goOnUnlessWanted();
            throw e;
        }
        tell(ASKED_FOR);
        return true;
    }

    /** That one device hangs is no reason to let the guest run into the error of another. */
    private void goOnUnlessWanted() {
        if (!pauseWanted) {
            parts.resume();
            pauseIfWanted();
        }
    }

    /** A request that failed just now has had its pause taken back unnoticed. */
    private void pauseIfWanted() {
        if (pauseWanted) {
            parts.requestPause();
        }
    }

    private void pauseDevices() {
        List<Device> paused = new ArrayList<>();
        try {
            for (Device device : parts.devices()) {
                pause(device);
                paused.add(device);
            }
        } catch (RuntimeException e) {
            for (Device device : paused) {
                device.resume();
            }
            throw e;
        }
        devicesStill = true;
    }

    private void pause(Device device) {
        try {
            device.pause();
        } catch (RuntimeException e) {
            // One on its way out finishes what it has, or hangs, and gets nothing new.
            if (device.isIn()) {
                throw e;
            }
        }
    }

    private void tell(String why) {
        if (!told) {
            told = true;
            parts.paused(why);
        }
    }

    synchronized void resume() {
        boolean was = parts.isPaused();
        pauseWanted = false;
        for (Device device : parts.devices()) {
            device.resume();
        }
        devicesStill = false;
        told = false;
        parts.resume();
        if (was) {
            parts.resumed();
        }
        pauseIfWanted();
    }

    /** Does what must not come between a pause and what it waits for; whether it is paused stays as it is. */
    synchronized void inTurn(Runnable action) {
        action.run();
    }

    @Override
    public void requestPause() {
        pauseWanted = true;
        parts.requestPause();
    }

    /** Somebody may have resumed the machine meanwhile: then the request has been tried anew, and said so if it failed again. */
    @Override
    public synchronized void pauseFor(DriveError error) {
        if (told || !parts.isPaused() || !parts.pause()) {
            return;
        }
        try {
            pauseDevices();
        } catch (RuntimeException e) {
            // Paused all the same.
            System.getLogger(Stillness.class.getName()).log(System.Logger.Level.WARNING, e.getMessage());
        }
        tell(error.toString());
    }
}
