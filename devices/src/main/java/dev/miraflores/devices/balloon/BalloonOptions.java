// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

/**
 * What a balloon offers beside inflating, deflating and statistics.
 *
 * @param deflateOnOom      the guest may take memory back when it has none left (VIRTIO_BALLOON_F_DEFLATE_ON_OOM)
 * @param freePageReporting the guest tells of memory that it has no use for now, which goes back to the host
 *                          (VIRTIO_BALLOON_F_PAGE_REPORTING)
 * @param freePageHint      the guest can be asked what is free (VIRTIO_BALLOON_F_FREE_PAGE_HINT)
 */
public record BalloonOptions(boolean deflateOnOom, boolean freePageReporting, boolean freePageHint) {

    /** QEMU's: none of it. */
    public static final BalloonOptions DEFAULTS = new BalloonOptions(false, false, false);
}
