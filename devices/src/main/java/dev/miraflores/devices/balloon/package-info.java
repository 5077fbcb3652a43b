// SPDX-License-Identifier: Apache-2.0

/**
 * The traditional memory balloon (virtio 1.3 §5.5): a guest's memory, given back to the host while the guest runs. Start at
 * {@link dev.miraflores.devices.balloon.VirtioBalloonDevice}; its work is done on an I/O thread.
 * <pre>
 *   inflateq     page frames that the driver gives           PageFrameQueue, BalloonPages
 *   deflateq     page frames that it takes back
 *   statsq       what the guest says of its memory           StatisticsQueue
 *   free_page_vq what was free when it was asked             HintingQueue, HintingRounds: counted, never touched
 *   reporting_vq what is free, and stays so until answered   ReportingQueue </pre>
 * <p>A page is given back by {@link dev.miraflores.memory.GuestMemory#discard}, before the driver gets its buffer back, as that
 * is the time for which the page is the device's. Page frames come in any order and from a guest that is not trusted: those next
 * to each other are one call, and those that are no memory are counted and left alone.
 */
package dev.miraflores.devices.balloon;
