// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;

/**
 * Which queue is which. The specification numbers all of them (virtio 1.3 §5.5.2); Linux numbers those that there are, so that a
 * feature that was not negotiated moves the queues after it up. The driver has enabled one for each feature that it accepted,
 * which tells the two numberings apart.
 *
 * @param inflate   or null, like the others, where the driver enabled none
 */
record BalloonQueues(DeviceQueue inflate, DeviceQueue deflate, DeviceQueue statistics, DeviceQueue hinting,
        DeviceQueue reporting) {

    static final int INFLATE = 0;
    static final int DEFLATE = 1;
    /** The first of those that are there by features. */
    static final int STATISTICS = 2;
    static final int HINTING = 3;
    static final int REPORTING = 4;

    private static final int[] FEATURES = {
        virtio_abi.VIRTIO_BALLOON_F_STATS_VQ, virtio_abi.VIRTIO_BALLOON_F_FREE_PAGE_HINT, virtio_abi.VIRTIO_BALLOON_F_REPORTING
    };

    static BalloonQueues of(VirtioActivation activation) {
        int[] specified = {STATISTICS, HINTING, REPORTING};
        int[] packed = new int[FEATURES.length];
        int next = STATISTICS;
        for (int i = 0; i < FEATURES.length; i++) {
            packed[i] = next;
            next += activation.has(FEATURES[i]) ? 1 : 0;
        }
        int[] numbers = !allEnabled(activation, specified) && allEnabled(activation, packed) ? packed : specified;
        return new BalloonQueues(activation.queues().get(INFLATE), activation.queues().get(DEFLATE),
            queue(activation, 0, numbers), queue(activation, 1, numbers), queue(activation, 2, numbers));
    }

    private static boolean allEnabled(VirtioActivation activation, int[] numbers) {
        for (int i = 0; i < FEATURES.length; i++) {
            if (activation.has(FEATURES[i]) && queue(activation, i, numbers) == null) {
                return false;
            }
        }
        return true;
    }

    private static DeviceQueue queue(VirtioActivation activation, int i, int[] numbers) {
        boolean there = activation.has(FEATURES[i]) && numbers[i] < activation.queues().size();
        return there ? activation.queues().get(numbers[i]) : null;
    }
}
