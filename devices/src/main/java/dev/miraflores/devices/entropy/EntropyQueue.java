// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.linux.Entropy;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * Fills a queue's buffers with random bytes, in place.
 * <p>A buffer gets at most {@link #MAX_BYTES}, however large the driver made it, and a turn serves a few of them only:
 * what a guest asks for decides neither how much memory nor how long the thread needs. With a quota, a buffer gets what is left
 * of it, and where nothing is, waits for the next period.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.4.6; a device may use less than the whole buffer (§5.4.6.2).
 */
final class EntropyQueue extends ServedQueue {

    /** What one request gets at most. */
    static final int MAX_BYTES = 64 << 10;

    /** Requests served in a turn: a millisecond or so of the kernel's generator. */
    static final int TURN_BUDGET = 8;

    private final EntropyQuota quota;

    EntropyQueue(DeviceQueue queue, DeviceEvents events, EntropyQuota quota) {
        super(queue, events, TURN_BUDGET);
        this.quota = quota;
    }

    @Override
    protected boolean isReady() {
        return quota.left() > 0;
    }

    /** Fills the writable elements from the first on; a malformed chain has none. */
    @Override
    protected int serve(DescriptorChain chain) {
        int most = (int) Math.min(MAX_BYTES, quota.left());
        int filled = 0;
        for (int i = chain.readableCount(); i < chain.count() && filled < most; i++) {
            long wanted = Math.min(chain.length(i), most - filled);
            long got = fill(chain.hostAddress(i), wanted);
            filled += (int) got;
            if (got < wanted) {
                break;   // no gaps: what follows would count as written too
            }
        }
        quota.take(filled);
        return filled;
    }

    /** A signal may cut the kernel short at any page (getrandom(2)). */
    private static long fill(long address, long byteSize) {
        long filled = 0;
        while (filled < byteSize) {
            long got = Entropy.fill(address + filled, byteSize - filled);
            if (got <= 0 && got != -Errno.EINTR) {
                break;
            }
            filled += Math.max(got, 0);
        }
        return filled;
    }
}
