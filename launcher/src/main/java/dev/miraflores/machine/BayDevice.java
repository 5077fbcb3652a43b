// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.virtio.VirtioDevice;

/**
 * A device that comes and goes, as far as it matters to {@link DeviceBays} what it is.
 * <p>Thread: any; what tells, that on which listeners are told.
 */
interface BayDevice {

    /** What a device is, in the words of messages. */
    enum Kind {
        DRIVE("drive", "a drive", "disks"),
        NIC("nic", "a network interface", "network interfaces");

        private final String word;
        private final String noun;
        private final String many;

        Kind(String word, String noun, String many) {
            this.word = word;
            this.noun = noun;
            this.many = many;
        }

        /** With which its id starts where nobody gave it one. */
        @Override
        public String toString() {
            return word;
        }

        String noun() {
            return noun;
        }

        String many() {
            return many;
        }
    }

    Kind kind();

    String id();

    VirtioDevice device();

    /** Waits for what is in flight; throws where that takes too long. */
    void pause();

    void resume();

    /** It is in; likewise what follows, as {@link DriveListener} says. */
    void tellAdded();

    void tellRemoved();

    void tellUnanswered();

    void tellFailed(String why);
}
