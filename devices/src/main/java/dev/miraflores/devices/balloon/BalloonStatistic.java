// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

/**
 * What a driver may tell of its guest's memory; constants are in the order of their tags (virtio 1.3 §5.5.6.4). Those from
 * {@link #OOM_KILLS} on are Linux's (linux/virtio_balloon.h).
 */
public enum BalloonStatistic {
    /** Bytes swapped in. */                                            SWAP_IN("stat-swap-in"),
    /** Bytes swapped out. */                                           SWAP_OUT("stat-swap-out"),
    /** Major page faults. */                                           MAJOR_FAULTS("stat-major-faults"),
    /** Minor page faults. */                                           MINOR_FAULTS("stat-minor-faults"),
    /** Bytes not used for anything. */                                 FREE_MEMORY("stat-free-memory"),
    /** Bytes there are. */                                             TOTAL_MEMORY("stat-total-memory"),
    /** Bytes that programs could have without swapping. */             AVAILABLE_MEMORY("stat-available-memory"),
    /** Bytes that can be had back without I/O. */                      DISK_CACHES("stat-disk-caches"),
    /** Huge pages handed out. */                                       HUGE_PAGE_ALLOCATIONS("stat-htlb-pgalloc"),
    /** Huge pages that were not to be had. */                          HUGE_PAGE_FAILURES("stat-htlb-pgfail"),
    /** Programs killed because no memory was left. */                 OOM_KILLS("stat-oom-kills"),
    /** Allocations that had to wait for pages to be reclaimed. */      ALLOCATION_STALLS("stat-alloc-stalls"),
    /** Bytes that the kernel looked at in the background. */           ASYNC_SCANS("stat-async-scans"),
    /** Bytes that those who wanted memory looked at. */                DIRECT_SCANS("stat-direct-scans"),
    /** Bytes reclaimed in the background. */                           ASYNC_RECLAIMS("stat-async-reclaims"),
    /** Bytes reclaimed by those who wanted memory. */                  DIRECT_RECLAIMS("stat-direct-reclaims");

    private static final BalloonStatistic[] BY_TAG = values();

    private final String word;

    BalloonStatistic(String word) {
        this.word = word;
    }

    /** The statistic of that tag, or null. */
    static BalloonStatistic of(int tag) {
        return tag < BY_TAG.length ? BY_TAG[tag] : null;
    }

    /** QEMU's name for it. */
    @Override
    public String toString() {
        return word;
    }
}
