// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

/** Counts what a guest asked of its machine. */
final class RecordedPower implements PowerControl {

    int powerOffs;
    int resets;
    int debugExits;
    int debugValue = -1;

    @Override
    public synchronized void powerOff() {
        powerOffs++;
    }

    @Override
    public synchronized void reset() {
        resets++;
    }

    @Override
    public synchronized void debugExit(int value) {
        debugExits++;
        debugValue = value;
    }
}
